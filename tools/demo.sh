#!/usr/bin/env bash
# Sets up the environment if needed and runs the main job: demo data, baseline and FRSKD, table and pictures.
set -euo pipefail
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" tools/environment.py
exec .venv/bin/python tools/demo.py "$@"

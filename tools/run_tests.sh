#!/usr/bin/env bash
# Sets up the environment if needed and runs the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" tools/environment.py
exec .venv/bin/python -m pytest tests "$@"

"""Write a file as a whole or not at all."""

import os
from pathlib import Path


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file, so that a disk that is full or a process that is killed leaves what stood there before.

    Args:
        path: The file. Its folder is made if it does not exist.
        data: All of its bytes.

    Raises:
        OSError: If they cannot be written.
    """
    path = Path(path)
    part = path.with_name(f'{path.name}.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open('wb') as file:
            file.write(data)
            file.flush()
            # Some systems only find out now that there is no room.
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise OSError(
            f'{str(path)!r} cannot be written ({reason}), and what was there before is kept: make room or name another '
            'folder, and run this again.'
        ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise

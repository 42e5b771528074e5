"""A file of outputs by image, of bounded size, that several processes may share."""

import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

ATTEMPTS = 20
PAUSE = 0.25
TIMEOUT = 30.0
TABLE = """CREATE TABLE IF NOT EXISTS outputs (
    image BLOB NOT NULL, source TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (image, source))"""


class FullError(Exception):
    """A store that takes no more, because of its bound or for want of space on the disk."""


class Store:
    """Bytes by image and source in a SQLite file.

    Args:
        file: The file, which is made if it does not exist.
        max_bytes: Its greatest size.

    Raises:
        OSError: If its folder cannot be made.
        sqlite3.Error: If the file is no such store, is damaged, or cannot be written.
    """

    def __init__(self, file: Path, max_bytes: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self.process = os.getpid()
        self._connection = _patiently_opened(file)
        (page,) = self._connection.execute('PRAGMA page_size').fetchone()
        self._connection.execute(f'PRAGMA max_page_count = {max(1, int(max_bytes) // page)}')

    def count(self) -> int:
        """How many outputs there are."""
        return self._connection.execute('SELECT COUNT(*) FROM outputs').fetchone()[0]

    def read(self, image: bytes, source: str) -> bytes | None:
        """The bytes of an image and source, None if they are not there."""
        query = 'SELECT data FROM outputs WHERE image = ? AND source = ?'
        with closing(self._connection.execute(query, (image, source))) as cursor:
            row = cursor.fetchone()
        return None if row is None else row[0]

    def write(self, rows: Iterable[tuple[bytes, str, bytes]]) -> None:
        """Add image, source and bytes, all of them or none.

        Raises:
            FullError: If there is no room.
            sqlite3.Error: If the file cannot be written.
        """
        try:
            with self._connection:
                self._connection.executemany('INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)', rows)
        except sqlite3.OperationalError as error:
            if 'full' in str(error):
                raise FullError(str(error)) from error
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _patiently_opened(file: Path) -> sqlite3.Connection:
    # Processes that start together all want to make the file, and SQLite does not let them wait for each other then.
    for _ in range(ATTEMPTS):
        try:
            return _opened(file)
        except sqlite3.OperationalError as error:
            if 'locked' not in str(error):
                raise
            time.sleep(PAUSE)
    return _opened(file)


def _opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=TIMEOUT)
    try:
        # With a log ahead of the file, readers and a writer do not wait for each other.
        connection.execute('PRAGMA journal_mode = WAL')
        connection.execute('PRAGMA synchronous = NORMAL')
        with connection:
            connection.execute(TABLE)
    except sqlite3.Error:
        connection.close()
        raise
    return connection

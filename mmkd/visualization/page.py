"""A page that shows all pictures: plain HTML beside the files that it links to."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

STYLE = (
    'body{font:15px/1.4 sans-serif;margin:1.5em;background:#fafafa;color:#222}'
    'figure{margin:0 0 2em;padding:1em;background:#fff;border:1px solid #ddd;overflow-x:auto}'
    'figcaption{font-weight:bold;margin-bottom:.5em}img{max-width:100%;height:auto}'
    'dt{float:left;clear:left;width:7em;color:#666}dd{margin-left:7em;word-break:break-all}'
)


def write_page(
    file: Path, title: str, facts: Mapping[str, str], pictures: Sequence[tuple[str, str]], explanation: str = ''
) -> None:
    """Write a contact sheet.

    Args:
        file: The HTML file.
        title: Its title.
        facts: What is said above the pictures, by name.
        pictures: Names of files beside it, and their captions.
        explanation: How to read the pictures.
    """
    listed = ''.join(f'<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>\n' for key, value in facts.items())
    figures = '\n'.join(_figure(name, caption) for name, caption in pictures)
    file.write_text(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n'
        f'<h1>{html.escape(title)}</h1>\n<dl>\n{listed}</dl>\n<p>{html.escape(explanation)}</p>\n'
        f'{figures}\n</body>\n</html>\n',
        encoding='utf-8',
    )


def _figure(name: str, caption: str) -> str:
    # './' keeps a name with a colon from being read as the scheme of a URL
    link, caption = f'./{quote(name)}', html.escape(caption)
    return (
        f'<figure><figcaption>{caption}</figcaption>'
        f'<a href="{link}"><img src="{link}" alt="{caption}" loading="lazy"></a></figure>'
    )

"""Small programs that the demo writes to a temporary folder and really runs, for their output."""

from __future__ import annotations

from pathlib import Path

PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
JSON = '{"time": "%(asctime)s", "level": "%(levelname)s", "logger": "%(name)s", "message": "%(message)s"}'

_INDEXER = '''\
"""Parses Python files and logs what it does."""
import ast, logging, pathlib, sys, time

library, queue, form = sys.argv[1:]
logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format=form)
log = logging.getLogger("indexer")
library, queue = pathlib.Path(library), pathlib.Path(queue)
files = sorted(library.glob("*.py")) + sorted(library.glob("[a-h]*/*.py"))
files = files[:300] + sorted(queue.glob("*.py")) + files[300:330]
log.info("indexing %d files", len(files))
for number, file in enumerate(files, 1):
    log.debug("job %d: reading %s", number, file.name)
    started = time.perf_counter()
    text = file.read_text("utf-8", "replace")
    try:
        tree = ast.parse(text)
    except SyntaxError:
        log.exception("job %d: %s skipped", number, file.name)
        continue
    if len(text) > 100_000:
        log.warning("job %d: %s is large: %d characters", number, file.name, len(text))
    names = sum(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in ast.walk(tree))
    took = 1000 * (time.perf_counter() - started)
    log.info("job %d: indexed %s, %d names in %.1f ms", number, file.name, names, took)
log.info("done")
'''

_CART = '''\
"""A shopping cart with a bug in it."""
from decimal import Decimal


def total(prices, discount=0):
    amount = sum(map(Decimal, prices), Decimal(0))
    return (amount * (100 - discount) / 100).quantize(Decimal("0.1"))


def parse_sku(text):
    kind, number = text.split("-")
    return kind.upper(), int(number)
'''

_TESTS = """\
import unittest
from decimal import Decimal

from cart import parse_sku, total


class TestSku(unittest.TestCase):
{skus}
    def test_sku_without_number_is_refused(self):
        with self.assertRaises(KeyError):
            parse_sku("book-")


class TestTotal(unittest.TestCase):
{totals}
    def test_discount_keeps_cents(self):
        self.assertEqual(total(["19.99", "5.01"], discount=15), Decimal("21.25"))


if __name__ == "__main__":
    unittest.main()
"""
_SKU = "    def test_sku_{n:03}(self):\n        self.assertEqual(parse_sku('book-{n}'), ('BOOK', {n}))\n"
_TOTAL = "    def test_total_of_{n:03}(self):\n        self.assertEqual(total(['1.50'] * {n}), Decimal('1.5') * {n})\n"


def write_indexer(folder: Path, library: Path, form: str = PLAIN) -> list[str]:
    """A program that logs each file it parses, one of which can't be parsed; its command line."""
    queue = folder / "queue"
    queue.mkdir()
    (queue / "broken_0417.py").write_text("def handler(event:\n    return event['id']\n")
    (folder / "indexer.py").write_text(_INDEXER)
    return [str(folder / "indexer.py"), str(library), str(queue), form]


def write_tests(folder: Path) -> None:
    """A project whose test run has a failure, an error and a hundred passes."""
    skus = "\n".join(_SKU.format(n=n) for n in range(1, 61))
    totals = "\n".join(_TOTAL.format(n=n) for n in range(1, 41))
    (folder / "cart.py").write_text(_CART)
    (folder / "test_cart.py").write_text(_TESTS.format(skus=skus, totals=totals))

"""Opens reports in a real browser and checks what a reader relies on.

    python tools/report/check.py REPORT.html... [--shots DIR]

Every page must render without a complaint on the console and without a request for anything but itself, fit a desktop
and a phone, follow the colour scheme, sort its tables, search its genes, be usable with the keyboard alone, and print.
With --shots, what is seen at three sizes and in the dark is saved as PNG, the print as PDF. Needs Chromium (Debian:
chromium) and nothing else; without it, says so and does nothing.
"""

import argparse
import pathlib
import sys

from browser import Browser, find

SIZES = {"desktop": (1280, 800), "tablet": (820, 1100), "phone": (390, 844)}


class Failed(Exception):
    """A promise that the page does not keep."""


def promise(holds, words):
    if not holds:
        raise Failed(words)


def check(browser, path):
    """Checks one page and returns what was looked at, for people."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.screen(*SIZES["desktop"])
    browser.open(path)
    seen = [stands(browser), fits(browser), follows_the_scheme(browser), sorts(browser), searches(browser),
            obeys_the_keyboard(browser), prints(browser)]
    promise(not browser.complaints, f"the console is not empty: {browser.complaints[:3]}")
    address = pathlib.Path(path).resolve().as_uri()
    others = [url for url in browser.requests if url != address and not url.startswith("data:")]
    promise(not others, f"the page asks for {others[:3]}")
    return [words for words in seen if words]


def stands(browser):
    title = browser.js("document.title")
    promise(title, "the page has no title")
    promise(browser.js("document.querySelector('h1').getBoundingClientRect().top < innerHeight"),
            "the answer is not on the first screen")
    figures = browser.js("document.querySelectorAll('svg[role=img]').length")
    empty = browser.js("[...document.querySelectorAll('svg[role=img]')].filter(s => s.children.length < 3).length")
    promise(figures > 0 and empty == 0, f"{empty} of {figures} figures are empty")
    words = browser.js("document.querySelectorAll('svg[role=img] text').length")
    promise(words > 0, "figures have no words that can be selected")
    covered = browser.js(OVERLAPS)
    promise(not covered, f"names in the first figure cover each other: {covered}")
    return f"{figures} figures"


# Names in the figure of the first screen that cover each other, the axes' numbers aside.
OVERLAPS = """(() => {
  const svg = [...document.querySelectorAll('.trade-off svg')].find(s => s.getBoundingClientRect().width > 0);
  if (!svg) return [];
  const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent.trim(), t.getBoundingClientRect()]);
  const named = texts.filter(([word]) => !/^[\\u2212\\d.]+$/.test(word));
  const out = [];
  named.forEach(([a, p], i) => named.slice(0, i).forEach(([b, q]) => {
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && high > 3) out.push([a, b]);
  }));
  return out;
})()"""


def fits(browser):
    for name, (width, height) in SIZES.items():
        browser.screen(width, height)
        wide = browser.js("document.documentElement.scrollWidth")
        promise(wide <= width, f"{name}: the page is {wide} pixels wide on a screen of {width}")
        promise(not browser.js(OVERLAPS), f"{name}: names in the first figure cover each other")
    browser.screen(*SIZES["desktop"])
    return "fits " + ", ".join(f"{w}×{h}" for w, h in SIZES.values())


def follows_the_scheme(browser):
    shades = {}
    for scheme in ["light", "dark"]:
        browser.screen(*SIZES["desktop"], scheme=scheme)
        shades[scheme] = browser.js("getComputedStyle(document.body).backgroundColor")
    browser.screen(*SIZES["desktop"])
    promise(shades["light"] != shades["dark"], "dark is as light")
    return "light and dark"


def column(table, index):
    return (f"[...{table}.tBodies[0].rows].map(r => r.cells[{index}]).map(c => c.dataset.v ?? c.textContent)"
            ".filter(v => v !== '' && v !== '\\u2013').map(v => Number(v.replace('\\u2212', '-')))")


def sorts(browser):
    tables = browser.js("document.querySelectorAll('table.sorts').length")
    for t in range(tables):
        table = f"document.querySelectorAll('table.sorts')[{t}]"
        button = f"{table}.tHead.rows[0].cells[1].querySelector('button')"
        for descending in [True, False]:
            browser.js(f"{button}.click()")
            values = browser.js(column(table, 1))
            promise(values == sorted(values, reverse=descending), f"table {t} is not sorted: {values[:5]}")
            said = browser.js(f"{table}.tHead.rows[0].cells[1].getAttribute('aria-sort')")
            promise(said == ("descending" if descending else "ascending"), "a screen reader is not told")
    return f"{tables} tables sort"


def searches(browser):
    if not browser.js("!!document.getElementById('gene-table')"):
        return None
    first = browser.js("document.querySelector('#gene-table tbody th').textContent")
    browser.js("document.getElementById('gene-search').focus()")
    for letter in first[:4]:
        browser.key(letter)
    found = browser.js("[...document.querySelectorAll('#gene-table tbody tr')].map(r => r.textContent.toLowerCase())")
    typed = browser.js("document.getElementById('gene-search').value")
    promise(typed == first[:4], f"typed '{first[:4]}', the field holds '{typed}'")
    promise(found and all(typed.lower() in row for row in found), f"the search for '{typed}' found other genes")
    browser.js("(s => { s.value = 'no such gene'; s.dispatchEvent(new Event('input')); })"
               "(document.getElementById('gene-search'))")
    promise(browser.js("document.querySelectorAll('#gene-table tbody tr').length") == 0, "found what is not there")
    browser.js("(s => { s.value = ''; s.dispatchEvent(new Event('input')); })(document.getElementById('gene-search'))")
    return "search"


def obeys_the_keyboard(browser):
    browser.js("document.activeElement.blur(); scrollTo(0, 0)")
    wanted = {"A", "BUTTON", "SUMMARY", "INPUT"} & set(
        browser.js("[...document.querySelectorAll('a, button:not([hidden]), summary, input')].map(e => e.tagName)"))
    reached, outlined = set(), True
    # Once round: Tab goes on from where the focus last was, not from the top.
    for _ in range(browser.js("document.querySelectorAll('a, button, summary, input, .wide').length") + 5):
        browser.key("Tab")
        tag = browser.js("document.activeElement.tagName")
        reached.add(tag)
        if tag in wanted:
            outlined &= browser.js("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
        if reached >= wanted:
            break
    promise(reached >= wanted, f"Tab reaches {sorted(reached)}, not {sorted(wanted - reached)}")
    promise(outlined, "where the focus is cannot be seen")
    if browser.js("!!document.querySelector('table.sorts th button')"):
        browser.js("document.querySelector('table.sorts th button').focus()")
        browser.key("Enter")
        said = browser.js("document.querySelector('table.sorts th').getAttribute('aria-sort')")
        promise(said, "Enter on a head does not sort")
    if browser.js("!!document.querySelector('details:not([open]) > summary')"):
        browser.js("(window.folded = document.querySelector('details:not([open]) > summary')).focus()")
        browser.key("Enter")
        promise(browser.js("folded.parentElement.open"), "Enter does not unfold")
    return "keyboard"


def prints(browser):
    size = browser.print_size()
    promise(size > 10_000, f"the print is {size} bytes")
    return "print"


def save(browser, path, folder):
    folder.mkdir(parents=True, exist_ok=True)
    browser.screen(*SIZES["desktop"])
    browser.open(path)
    browser.shot(folder / "first.png", whole=False)
    for name, (width, height) in SIZES.items():
        browser.screen(width, height)
        browser.shot(folder / f"{name}.png")
    browser.screen(*SIZES["desktop"], scheme="dark")
    browser.shot(folder / "dark.png")
    browser.screen(*SIZES["desktop"])
    browser.pdf(folder / "print.pdf")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", metavar="REPORT.html")
    parser.add_argument("--shots", type=pathlib.Path, metavar="DIR", help="save what is seen there")
    args = parser.parse_args()
    program = find()
    if program is None:
        print("skipped: no Chromium here (Debian: apt-get install chromium)")
        return 0
    failed = 0
    for number, path in enumerate(args.pages):
        with Browser(program) as browser:
            try:
                print(f"{path}: " + "; ".join(check(browser, path)))
            except Failed as why:
                failed += 1
                print(f"{path}: FAILED: {why}")
            if args.shots:
                save(browser, path, args.shots / str(number) if len(args.pages) > 1 else args.shots)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

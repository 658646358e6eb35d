"""A static site of leaderboards: `write_site` makes it, Jinja2 and altair draw it (extra report).

A page holds all that it shows: tables as HTML that reads without scripts, and the figures again as
JSON for `page.js`, which sorts, filters, compares and draws. Nothing is loaded from elsewhere, and
a content security policy in each page sees to that.
"""

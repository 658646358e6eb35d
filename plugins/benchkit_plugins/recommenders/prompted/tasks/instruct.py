"""TALLRec: instruction tuning (Bao et al. 2023), ranked as GenItem."""

from __future__ import annotations

from benchkit_plugins.recommenders.prompted.tasks.gen_item import GenItem


class TALLRec(GenItem):
    """The next item's title, asked for by an instruction, an input and a response to be written.

    Departures: TALLRec itself answers whether a user likes one given item. The paper evaluates it
    on full rankings (7.1.6), so the response is the next item's title, and the titles of 20
    completions are ranked by frequency. The form is Alpaca's, preamble included, as in TALLRec; the
    instruction is ours.
    """

    name = "tallrec"

"""From the flood's reports to cells, and from cells to the table and the page. Nothing is started and nothing measured.

Run with `python3 -B -m unittest discover -s tests/compare`.
"""

import html.parser
import pathlib
import sys
import unittest
from xml.etree import ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts/compare"))

import canned  # noqa: E402
import flood  # noqa: E402
import page  # noqa: E402
import plot  # noqa: E402
import rows  # noqa: E402
import table  # noqa: E402
import verdict  # noqa: E402

# They have no end tag.
VOID = {"meta", "link"}


class Fake:
    """A flood that says what it is told to say, and remembers what it was asked."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def run(self, arguments, names=()):
        self.asked.append(arguments)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise flood.Refused(answer, names)
        return answer


class Running:
    """A server that is only named."""

    def __init__(self, name):
        self.name = name

    def contender(self):
        return self.name

    def alone(self):
        return [self.name]


def bench(answers, names=("roomcast", "bun", "ceiling"), effort=rows.FULL):
    return rows.Bench(Fake(answers), None, {name: Running(name) for name in names}, effort, lambda _: None)


def report(*targets, problems=()):
    return {"targets": list(targets), "problems": list(problems)}


class Cells(unittest.TestCase):
    def test_ratios_are_taken_within_a_round(self):
        mine = canned.target("roomcast", [canned.part(100, 0.1), canned.part(400, 0.1), canned.part(1600, 0.1)])
        other = canned.target("bun", [canned.part(50, 0.1), canned.part(200, 0.1), canned.part(800, 0.1)])
        found = rows.row_1(bench([report(other, mine)], ["roomcast", "bun"]))
        cells = found["lines"][0]["cells"]
        self.assertEqual(cells["roomcast"], {"value": 4000.0, "low": 1000.0, "high": 16000.0, "ratio": 2.0})
        self.assertEqual(cells["bun"]["ratio"], 1.0)

    def test_who_was_not_busy_has_no_figure_but_the_reason(self):
        idle = canned.target("roomcast", [canned.part(100, 0.1, busy=0.9, waited=0.04)])
        shared = canned.target("bun", [canned.part(100, 0.1, busy=0.5, waited=0.46)])
        found = rows.row_1(bench([report(shared, idle)], ["roomcast", "bun"]))
        cells = found["lines"][0]["cells"]
        self.assertEqual(list(cells["roomcast"]), ["why"])
        self.assertIn("not reached: it was 90% busy (4% more", cells["roomcast"]["why"])
        self.assertEqual(cells["bun"]["value"], 1000.0)

    def test_one_message_at_a_time_is_judged_by_its_cpu_time_alone(self):
        idle = canned.target("bun", [canned.part(100, 0.1, busy=0.3)])
        found = rows.row_2(bench([report(idle)], ["bun"]))
        self.assertEqual(found["lines"][0]["cells"]["bun"]["value"], 1000.0)

    def test_who_loses_has_not_shown_how_fast_it_is(self):
        loser = canned.target("bun", [canned.part(100, 0.1)], lost=5)
        found = rows.row_1(bench([report(loser)], ["bun"]))
        self.assertEqual(found["lines"][0]["cells"]["bun"]["why"], "not reached: it lost 5 of 105 deliveries")

    def test_a_server_that_cannot_take_part_is_left_out_with_its_reason(self):
        good = [canned.target(name, [canned.part(100, 0.1)]) for name in ["bun", "ceiling"]]
        work = bench(["roomcast: publishing stopped: hung up", report(*good)])
        found = rows.row_1(work)
        self.assertEqual(found["lines"][0]["cells"]["roomcast"], {"why": "publishing stopped: hung up"})
        self.assertEqual([ask.count("--target") for ask in work.flood.asked], [3, 2])

    def test_a_row_that_fails_does_not_end_the_others(self):
        one = canned.target("bun", [canned.part(100, 0.1)])
        found = rows.measure(bench(["bun: gone", report(one)], ["bun"]), [1, 2])
        self.assertEqual([row["row"] for row in found], [1, 2])
        self.assertEqual((found[0]["lines"], found[0]["problems"]), ([], ["could not be measured: bun: gone"]))
        self.assertEqual(len(found[1]["lines"]), 1)

    def test_rows_3_and_8_are_of_one_run(self):
        one = canned.target("bun", [canned.part(100, 0.1)])
        work = bench([report(one), report(one)], ["bun"])
        found = rows.measure(work, [3, 8])
        self.assertEqual([row["row"] for row in found], [3, 8])
        self.assertEqual(len(work.flood.asked), 1)
        self.assertEqual([line["cells"]["bun"]["value"] for line in found[1]["lines"]], [2.0, 9.0, 20.0, 12.0])
        self.assertEqual([row["row"] for row in rows.measure(work, [8])], [8])

    def test_many_rooms_are_loaded_in_pairs_and_shares_go_by_the_reference(self):
        bun = canned.target("bun", [canned.part(100, 0.1)])
        mine = canned.target("roomcast", [canned.part(150, 0.1)])
        faster = canned.target("bun", [canned.part(200, 0.1)])
        ceiling = canned.target("ceiling", [canned.part(400, 0.1)])
        work = bench([report(bun, mine), report(faster, ceiling)])
        cells = rows.row_4(work)["lines"][0]["cells"]
        self.assertEqual([ask[-3::2] for ask in work.flood.asked], [["bun", "roomcast"], ["bun", "ceiling"]])
        self.assertEqual((cells["roomcast"]["ratio"], cells["ceiling"]["ratio"]), (1.5, 2.0))
        self.assertEqual(cells["roomcast"]["share"], 0.75)
        self.assertEqual(cells["bun"]["value"], 1000.0)

    def test_connects_cost_what_the_handshakes_and_what_they_leave_cost(self):
        def connect(cpu):
            return {
                "connect": {"opened": 10_000, "cost": {"server_cpu_seconds": cpu}},
                "hold": {"cost": {"server_cpu_seconds": 0.01}},
                "problems": [],
            }

        # The first one is not counted.
        answers = [connect(cpu) for cpu in [9.0, 9.0, 0.09, 0.19, 0.19, 0.39, 0.14, 0.29]]
        cells = rows.row_6(bench(answers, ["roomcast", "bun"]))["lines"][0]["cells"]
        self.assertAlmostEqual(cells["roomcast"]["value"], 15.0)
        self.assertAlmostEqual(cells["bun"]["value"], 30.0)
        self.assertAlmostEqual(cells["roomcast"]["ratio"], 0.5)


class Verdicts(unittest.TestCase):
    def faults(self, answers, wanted, names=("roomcast", "bun")):
        work = bench(answers, names)
        found = {**canned.found(rows.measure(work, wanted)), "servers": dict.fromkeys(names, "")}
        return verdict.faults(found)

    def test_a_row_with_all_its_figures_has_no_fault(self):
        both = [canned.target(name, [canned.part(100, 0.1)]) for name in ["bun", "roomcast"]]
        self.assertEqual(self.faults([report(*both)], [1]), [])

    def test_a_row_in_which_roomcast_was_not_busy_is_named_with_the_reason(self):
        good = canned.target("bun", [canned.part(100, 0.1)])
        idle = canned.target("roomcast", [canned.part(100, 0.1, busy=0.9)])
        for row in [1, 4, 5]:
            (fault,) = self.faults([report(good, idle)], [row])
            self.assertRegex(fault, f"^row {row} has no figure of roomcast: not reached: it was 90% busy, the flood 40%$")

    def test_a_row_in_which_roomcast_lost_or_hung_up_is_named_with_the_reason(self):
        good = canned.target("bun", [canned.part(100, 0.1)])
        loser = canned.target("roomcast", [canned.part(100, 0.1)], lost=5)
        (fault,) = self.faults([report(good, loser)], [1])
        self.assertEqual(fault, "row 1 has no figure of roomcast: not reached: it lost 5 of 105 deliveries")
        (fault,) = self.faults(["roomcast: hung up", report(good)], [8])
        self.assertEqual(fault, "row 8 has no figure of roomcast: hung up")

    def test_what_a_rival_lacks_is_no_fault(self):
        good = canned.target("roomcast", [canned.part(100, 0.1)])
        idle = canned.target("bun", [canned.part(100, 0.1, busy=0.9)])
        self.assertEqual(self.faults([report(idle, good)], [1]), [])
        self.assertEqual(self.faults([report(idle)], [1], ["bun"]), [])

    def test_a_row_that_failed_is_named_with_the_reason(self):
        self.assertEqual(self.faults(["bun: gone"], [2]), ["row 2 has no figures: could not be measured: bun: gone"])

    def test_a_line_that_lacks_its_figure_is_named_where_others_have_theirs(self):
        lines = [rows.line(what, "ms", False, cells) for what, cells in [("p50", {"roomcast": {"value": 1}}), ("p99", {})]]
        found = canned.found([rows.result(8, "", "", lines)])
        self.assertEqual(
            verdict.faults(found), ["row 8 has no figure of roomcast: the report of the flood has none (p99)"]
        )

    def test_roomcast_must_be_there_to_the_end(self):
        found = {**canned.found([]), "absent": {"roomcast": "it is not here"}, "died": ["bun"]}
        self.assertEqual(
            verdict.faults(found), ["roomcast is not there: it is not here", "bun ended before the comparison did"]
        )


class Refusals(unittest.TestCase):
    def test_the_server_that_a_line_of_the_flood_names_is_found(self):
        said = flood.sentence("ERROR [roomcast_flood] bun: publishing stopped: hung up")
        refused = flood.Refused(said, ["roomcast", "bun"])
        self.assertEqual((str(refused), refused.server), ("bun: publishing stopped: hung up", "bun"))
        self.assertEqual(flood.sentence("error: no such flag"), "error: no such flag")


class Texts(unittest.TestCase):
    def rows(self):
        cells = {"roomcast": {"value": 5_120_000, "ratio": 1.5, "share": 0.8}, "bun": {"value": 999_960, "ratio": 1.0}}
        cells["ceiling"] = {"why": "not reached: it was 40% busy"}
        lost = {"roomcast": {"value": 20, "told": 20}, "bun": {"value": 0, "told": 0}, "ceiling": {"why": "it <ended>"}}
        return [
            {
                "row": 8,
                "title": "a <row>",
                "how": "compare",
                "lines": [rows.line("fan-out", "deliveries", True, cells), rows.line("lost", "deliveries", False, lost)],
                "curves": {"Each": {"roomcast": [[0.0, 500], [0.9, 5000]], "bun": [[0.0, 900], [0.99, 90000]], "ceiling": []}},
                "busy": {"bun": {"busy": 0.9, "waited": 0.1, "flood": 0.3}},
                "problems": ["bun: 5 < 6"],
            }
        ]

    def test_the_curves_are_pictures_that_stand_alone(self):
        made = page.pictures(canned.found(self.rows()))
        self.assertEqual(list(made), ["latency-8-each.svg"])
        picture = ElementTree.fromstring(made["latency-8-each.svg"])
        paths = picture.findall("{http://www.w3.org/2000/svg}path")
        self.assertEqual(sum("curve" in path.get("class") for path in paths), 2)
        self.assertNotIn("href", made["latency-8-each.svg"])

    def test_numbers_have_three_digits_that_count(self):
        values = [0, 0.042, 3.456, 14.2, 99.96, 999, 999.7, 1000, 5_123_456, 999_960]
        texts = ["0", "0.04", "3.46", "14.2", "100", "999", "1.00 k", "1 k", "5.12 M", "1.00 M"]
        self.assertEqual([table.number(value) for value in values], texts)
        self.assertEqual([table.share(value) for value in [0.5, 1.234, 12.34, 123.4]], ["×0.50", "×1.23", "×12.3", "×123"])

    def test_the_table_has_a_cell_for_each_server_and_the_reasons_below(self):
        text = table.markdown(canned.found(self.rows()))
        lines = text.splitlines()
        self.assertIn("|  | roomcast | bun | ceiling |", lines)
        self.assertIn("| 8. fan-out: deliveries ↑ | 5.12 M (×1.50) | 1.00 M | –¹ |", lines)
        self.assertIn("| 8. lost: deliveries ↓ | 20 (20 told) | 0 | –² |", lines)
        self.assertIn("¹ ceiling in row 8: not reached: it was 40% busy  ", lines)
        self.assertIn("nchan is not there: nginx is <not> here  ", lines)
        self.assertIn("Row 8: bun: 5 < 6  ", lines)
        self.assertEqual({line.count("|") for line in lines if line.startswith("|")}, {5})

    def test_the_page_is_well_formed_stands_alone_and_escapes_what_it_shows(self):
        text = page.html(canned.found(self.rows()))
        opened = []

        class Parser(html.parser.HTMLParser):
            def handle_starttag(self, tag, attrs):
                if tag not in VOID:
                    opened.append(tag)
                links = [value for name, value in attrs if name in ("src", "href", "xlink:href")]
                assert all(link.startswith("data:") for link in links), links

            def handle_startendtag(self, tag, attrs):
                pass

            def handle_endtag(self, tag):
                assert opened.pop() == tag, tag

        parser = Parser()
        parser.feed(text)
        parser.close()
        self.assertEqual(opened, [])
        self.assertIn("prefers-color-scheme: dark", text)
        for unescaped in ["<row>", "A <CPU>", "<ended>", "5 < 6", "<not>", "<script", "url("]:
            self.assertNotIn(unescaped, text)
        self.assertEqual(text.count('class="curve'), 2)
        self.assertEqual(text.count("<rect"), 4)

    def test_labels_do_not_lie_on_each_other_nor_outside(self):
        placed = plot.spread_out([340.0, 345.0, 346.0, 20.0, 21.0])
        ordered = sorted(placed)
        self.assertTrue(all(low + plot.LABEL_GAP <= high for low, high in zip(ordered, ordered[1:])), placed)
        self.assertTrue(plot.TOP <= ordered[0] and ordered[-1] <= plot.HEIGHT - plot.BOTTOM, placed)
        self.assertLess(placed[3], placed[4])


if __name__ == "__main__":
    unittest.main()

"""What the trial of faults takes for the same site; the trial itself is `make faults`."""

import faults

PAGE = """<td class="number">7</td>
<p>The seven notebooks took {seconds} seconds together. The most memory was used by {notebook}.</p>
<table><caption>In this run</caption><tr><th>01_eda</th><td class="number">{seconds}</td><td>5</td></tr></table>
<section id="how-the-cost-grows"><td class="number">8</td>"""


def test_what_a_run_took_is_left_out_of_its_page_and_nothing_else():
    page = PAGE.format(seconds="1,089.5", notebook="01_eda")
    assert faults.blank_costs(page) == faults.blank_costs(PAGE.format(seconds="3.1", notebook="07_gru4rec_tuning"))
    for number in ("7", "5", "8"):
        changed = page.replace(f">{number}</td>", ">9</td>")
        assert faults.blank_costs(changed) != faults.blank_costs(page)


def test_sites_differ_in_what_is_changed_missing_or_new():
    assert faults.compare({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}) == ["b", "c", "d"]

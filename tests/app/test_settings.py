"""Settings: one table, its variables, its page."""

from __future__ import annotations

import json
import re

import pytest

from app.catalogue import Catalogue
from app.live import ADDRESS, AWAY, BAD_COMMANDS, BUSY, GONE, IDLE, SHUTDOWN
from app.sessions import network_of
from app.settings import ROOT, SETTINGS, Settings, unknown_variables
from app.settingsgen import generated


def test_the_settings_page_is_fresh():
    for path, text in generated().items():
        assert path.read_text() == text, "run `make gen`"


def test_every_setting_says_what_it_does():
    assert all(len(row.help) > 20 and row.help.endswith(".") for row in SETTINGS)


def test_variables_set_settings():
    settings = Settings.from_environ(
        {
            "GLASSBOX_SESSIONS": " 7 ",
            "GLASSBOX_IDLE_S": "1.5",
            "GLASSBOX_ORIGINS": "https://a, https://b,",
            "PORT": "99",
        }
    )
    assert (settings.sessions, settings.idle_s) == (7, 1.5)
    assert settings.origins == ("https://a", "https://b")
    assert settings.bind == "127.0.0.1:99"
    assert Settings.from_environ({}) == Settings()
    assert Settings.from_environ({"PORT": "99", "GLASSBOX_BIND": "0.0.0.0:80"}).bind == "0.0.0.0:80"


@pytest.mark.parametrize(
    ("text", "words"),
    [("many", "a whole number, not 'many'"), ("1.5", "a whole number"), ("-1", "must not be negative")],
)
def test_a_value_that_makes_no_sense_is_refused_with_the_name_of_its_variable(text, words):
    with pytest.raises(ValueError, match=f"GLASSBOX_SESSIONS must.*{words.split('must ')[-1]}"):
        Settings.from_environ({"GLASSBOX_SESSIONS": text})


def test_slips_in_the_names_of_variables_are_found():
    assert unknown_variables({"GLASSBOX_SESSION": "1", "GLASSBOX_SESSIONS": "1", "HOME": "/"}) == ["GLASSBOX_SESSION"]


def test_the_threads_of_a_process_are_more_than_all_sessions():
    assert Settings(sessions=5, queue=3, spare_threads=4).threads == 12


def test_a_relative_data_folder_counts_from_the_program():
    assert Settings().data_path == ROOT / "instance"
    assert str(Settings(data_dir="/var/lib/x").data_path) == "/var/lib/x"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_one_visitor_is_one_ipv4_address_or_one_ipv6_network(address, network):
    assert network_of(address) == network


def test_a_sentence_that_the_catalogue_lacks_is_said_in_english():
    catalogue = Catalogue({"goodbye.idle": {"en": "Idle.", "zh": "空闲。"}})
    assert catalogue.say("goodbye.idle", "zh", "Nothing happened.") == "空闲。"
    assert catalogue.say("goodbye.idle", "en", "Nothing happened.") == "Nothing happened."
    assert catalogue.say("goodbye.busy", "zh", "Busy.") == "Busy."


def test_what_the_server_says_to_visitors_is_there_in_their_other_language():
    catalogue = Catalogue.read(ROOT / "static" / "i18n" / "catalogue.json")
    keys = {f"goodbye.{ending.reason}" for ending in (SHUTDOWN, IDLE, BUSY, ADDRESS, BAD_COMMANDS, AWAY, GONE)}
    for key in keys | {"goodbye.limit", "goodbye.crashed", "error.no_link"}:
        assert re.search("[\u4e00-\u9fff]", catalogue.say(key, "zh", "")), key


def in_chinese(reason: str, message: str) -> str:
    return Catalogue.read(ROOT / "static" / "i18n" / "catalogue.json").say(f"goodbye.{reason}", "zh", message)


def test_a_budget_that_ran_out_is_named_in_the_other_language_too():
    said = {
        in_chinese("limit", "The session reached its limit of 2700 s."),
        in_chinese("limit", "The session used up its 600 s of processor time."),
        in_chinese("limit", "The session's process reached its limit of 512 MiB of memory."),
        in_chinese("limit", "The session's process ran out of memory."),
        in_chinese("limit", "A limit that nobody has named."),
    }
    assert len(said) == 5
    assert {number for text in said for number in re.findall(r"\d+", text)} == {"2700", "600", "512"}


def bare(sentence: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", sentence)


def test_every_sentence_about_the_end_of_a_worker_has_its_own_in_the_catalogue():
    source = (ROOT / "engine" / "worker" / "zygote.py").read_text()
    found = re.findall(r'(?:self\._kill\(\s*child, |End\()"(\w+)", (f?"[^"]+")', source)
    assert {reason for reason, _ in found} == {"limit", "killed", "crashed"}
    assert len(found) == len(re.findall(r'"The (?:session|machine)', source))
    catalogue = json.loads((ROOT / "static" / "i18n" / "catalogue.json").read_text())
    for reason, literal in found:
        ours = [words["en"] for key, words in catalogue.items() if key.startswith(f"goodbye.{reason}.")]
        assert bare(literal.strip('f"')) in map(bare, ours), literal

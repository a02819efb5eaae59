# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every name of ansible-core that we use although it is not public, in one place, each with a way on without it.

A sweep works on many hosts from within one task, and no public interface tells what a task on another host would see.
So the variable manager that the strategy itself uses is asked. Where a release lacks one of the names, the function here
says so, and the caller takes one task for each host, which needs public names only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible import errors, template
from ansible.inventory.manager import InventoryManager
from ansible.playbook import Playbook
from ansible.playbook.handler import Handler
from ansible.utils import collection_loader
from ansible.utils.display import Display
from ansible.utils.unsafe_proxy import wrap_var
from ansible.vars.manager import VariableManager
from jinja2.exceptions import UndefinedError

OMITTED: Any = getattr(errors, "AnsibleValueOmittedError", ())
"""What ansible-core 2.19 and newer raise for ``omit``; before, it is a text that nobody else would write."""

_PLAIN: Any = getattr(template, "trust_as_template", str)
"""How text is made that Ansible shows as itself: from 2.19 on that is text which it would evaluate."""


_TRUSTED: Any = getattr(template, "is_trusted_as_template", None)


def show(text: str, **options: Any) -> None:
    """Show a text from the process of a task, as ``Display.display`` would.

    ansible-runner before 2.4.2 puts marks around that function, in this process too, where nothing may write to the output:
    Ansible warns of it from 2.19 on. So the text is sent to the process that shows it here.
    """
    display = Display()
    send = getattr(getattr(display, "_final_q", None), "send_display", None)
    if send is None:
        display.display(text, **options)
    else:
        send("display", text, **options)


def is_evaluated(text: str) -> bool:
    """Whether Ansible would evaluate the templates in a text: from 2.19 on those of a trusted source, before all that are
    not marked as unsafe."""
    return bool(_TRUSTED(text)) if _TRUSTED is not None else not getattr(text, "__UNSAFE__", False)


Names = dict[str, list[str]]
"""The hosts of the play and those of its batch, as the answer about one of them has told, by the variables that tell them.

Ansible looks for all of them again for each host otherwise, and of those that are handed over it asks whether each is still in
the play, so that the time of a fleet would grow with its square.
"""
_HANDED = {"_hosts_all": "ansible_play_hosts_all", "_hosts": "ansible_play_batch"}
"""How the strategy hands them over."""
_NAMES = (*_HANDED.values(), "ansible_play_hosts", "play_hosts")


def variables_of_host(task: Any, hostvars: Any, host: str, names: Names) -> dict[str, Any] | None:
    """All variables of ``host`` as a task on it would see them, raw; ``None`` where this release does not tell.

    ``hostvars`` leaves out the variables of the play and of the task.

    :param names: of the hosts of this play; empty before the first of them is asked, and filled by it.
    """
    manager = getattr(hostvars, "_variable_manager", None)
    inventory = getattr(hostvars, "_inventory", None)
    play = play_of(task)
    if manager is None or inventory is None or play is None:
        return None
    return _told(manager, inventory, host, names, play=play, task=task)


def stated_variables(task: Any, hostvars: Any, host: str, names: Names) -> dict[str, Any] | None:
    """All variables of ``host`` below those of the command line, raw; ``None`` where this release does not tell.

    :param task: the task that they are for; without one they are what the inventory says.
    :param names: as for :func:`variables_of_host`.
    """
    manager = getattr(hostvars, "_variable_manager", None)
    inventory = getattr(hostvars, "_inventory", None)
    if inventory is None or not hasattr(manager, "_extra_vars"):
        return None
    # A manager of its own with the same contents: the one of the run answers other threads meanwhile.
    below = object.__new__(type(manager))
    vars(below).update({**vars(manager), "_extra_vars": {}})
    return _told(below, inventory, host, names, play=play_of(task), task=task)


def _told(manager: Any, inventory: Any, host: str, names: Names, **options: Any) -> dict[str, Any] | None:
    play = options["play"]
    try:
        # The names of such files may be made of the hosts of the play; nothing else is evaluated before all is told.
        in_full = play is None or bool(play.get_vars_files())
        handed = {option: names[told] if in_full else [host] for option, told in _HANDED.items()} if names else {}
        variables: dict[str, Any] = manager.get_vars(
            host=inventory.get_host(host), include_hostvars=False, **handed, **options
        )
    except (AttributeError, TypeError):
        return None
    if names and not in_full:
        known: Any = variables
        while isinstance(known, dict):  # "vars" holds all of them, and from 2.20 on itself
            known.update(names)
            known = known.get("vars")
    elif not names and all(variables.get(told) for told in _NAMES):
        # As texts of their own, side by side: a fork that takes a reference to those of the inventory copies the page around each.
        names.update(json.loads(json.dumps({told: variables[told] for told in _NAMES})))
    return variables


def tells_variables(task: Any, hostvars: Any) -> bool:
    """Whether :func:`variables_of_host` can be asked in this release."""
    return hasattr(hostvars, "_variable_manager") and hasattr(hostvars, "_inventory") and play_of(task) is not None


def extra_variables(hostvars: Any) -> Mapping[str, Any]:
    """What the command line gives with ``-e``; nothing where this release does not tell."""
    variables = getattr(getattr(hostvars, "_variable_manager", None), "extra_vars", None)
    return variables if isinstance(variables, Mapping) else {}


def extra_variables_of_play(play: Any) -> Mapping[str, Any]:
    """The same, for a callback; nothing where this release does not tell."""
    manager = getattr(play, "get_variable_manager", lambda: None)()
    variables = getattr(manager, "extra_vars", None)
    return variables if isinstance(variables, Mapping) else {}


def hosts_of_play(task: Any, hostvars: Any) -> list[str]:
    """Every host that the pattern of the play names, whatever ``--limit`` leaves; nothing where it is not told."""
    inventory = getattr(hostvars, "_inventory", None)
    play = play_of(task)
    if inventory is None or play is None:
        return []
    hosts = inventory.get_hosts(pattern=play.hosts, ignore_limits=True, ignore_restrictions=True)
    return [str(host.name) for host in hosts]


def play_of(task: Any) -> Any:
    """The play that a task belongs to; ``None`` where this release does not tell."""
    node = task
    while node is not None:
        play = getattr(node, "_play", None)
        if play is not None:
            return play
        node = getattr(node, "_parent", None)
    return None


def ancestors(task: Any) -> list[Any] | None:
    """The blocks and includes that a task stands in, from the inside; ``None`` where this release does not tell."""
    if not hasattr(task, "_parent"):
        return None
    nodes = []
    node = getattr(task, "_parent", None)
    while node is not None:
        nodes.append(node)
        node = getattr(node, "_parent", None)
    return nodes


def splits_hosts(node: Any) -> bool:
    """Whether hosts enter or leave a block by themselves, or each decides on an include.

    What is neither a block nor an include in this release is taken for something that does.
    """
    if hasattr(node, "statically_loaded"):
        return not node.statically_loaded
    return not hasattr(node, "rescue") or bool(node.rescue or getattr(node, "always", None))


def raw_check_mode(node: Any) -> Any:
    """The keyword ``check_mode`` as it was written at a block or an include, perhaps a template."""
    return getattr(node, "_check_mode", None)


def is_handler(task: Any) -> bool:
    """Whether a task runs for the hosts that have notified it, and not for those of the batch."""
    return isinstance(task, Handler) or hasattr(task, "notified_hosts")


def source_of(task: Any) -> Mapping[str, Any] | None:
    """A task as it was written, with its templates; ``None`` where this release does not tell."""
    get = getattr(task, "get_ds", None)
    source = get() if get is not None else None
    return source if isinstance(source, Mapping) else None


def result_of(task_result: Any) -> Mapping[str, Any]:
    """The result that a callback is given. Releases before 2.20 have no public name for it."""
    result = getattr(task_result, "result", None)
    if not isinstance(result, Mapping):
        result = getattr(task_result, "_result", None)
    return result if isinstance(result, Mapping) else {}


def host_of_result(task_result: Any) -> str:
    """The name of the host of a result that a callback is given."""
    host = getattr(task_result, "host", None) or getattr(task_result, "_host", None)
    return str(host.get_name()) if host is not None else ""


def task_of_result(task_result: Any) -> Any:
    """The task of a result that a callback is given; ``None`` where this release does not tell."""
    return getattr(task_result, "task", None) or getattr(task_result, "_task", None)


def show_warnings(callback: Any, result: Mapping[str, Any]) -> None:
    """Show the warnings of a result as Ansible's own callback does."""
    show = getattr(callback, "_handle_warnings", None)
    if show is not None:
        show(dict(result))
        return
    for warning in result.get("warnings") or ():
        Display().warning(warning_text(warning))


def warning_text(warning: Any) -> str:
    """What a warning in the result of a module says; ansible-core 2.19 and later keep it with its circumstances."""
    return str(getattr(getattr(warning, "event", None), "msg", warning))


def task_identity(task: Any) -> str:
    """What tells a task of a playbook from all others of the run; the same on each host.

    Without the id of the task its place in the file has to do; a task in a loop of includes is then one with the others.
    """
    uuid = getattr(task, "_uuid", None)
    return str(uuid) if uuid else f"{task.get_path()}|{task.get_name()}"


def task_environment(action: Any, task: Any, templar: Any) -> dict[str, str]:
    """The ``environment`` keyword of task, block, role and play, which a module would find in its process."""
    environment: dict[str, Any] = {}
    compute = getattr(action, "_compute_environment_string", None)
    if compute is not None:
        compute(environment)
    else:
        listed = task.environment or []
        for entry in listed if isinstance(listed, list) else [listed]:
            values = templar.template(entry)
            environment.update(values if isinstance(values, Mapping) else {})
    return {str(name): str(value) for name, value in environment.items()}


_HARMLESS = re.compile(r"[\w .:/@+,-]*")


def never_template(value: Any) -> Any:
    """A value of others that Ansible must evaluate neither as a template nor, in ``when``, as an expression.

    Before 2.19 all text is evaluated unless it is marked, from 2.19 on none unless it is trusted. ``ansible-inventory`` shows
    each text that is not to be evaluated as a mapping with a mark, which most programs that read it do not expect. So text
    that cannot do anything, because it can neither call nor look up, is left plain for both.
    """
    if isinstance(value, Mapping):
        return {never_template(name): never_template(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [never_template(item) for item in value]
    if not isinstance(value, str):
        return value
    text = str.__str__(value)
    return _PLAIN(text) if _HARMLESS.fullmatch(text) else wrap_var(text)


def vault_of(loader: Any) -> Any:
    """What encrypts and decrypts with the vault passwords of this run; ``None`` where there are none."""
    vault = getattr(loader, "_vault", None)
    return vault if vault is not None and getattr(vault, "secrets", None) else None


def plays_of_run(loader: Any, playbooks: Iterable[str]) -> list[Any] | None:
    """The plays of the playbooks of a command line, loaded as ``--list-tasks`` loads them; ``None`` where one of them, or a
    name in this release, is not to be had.

    :param playbooks: as they were given: paths, or names in a collection.
    """
    nobody = InventoryManager(loader=loader, sources=None, parse=False)
    variables = VariableManager(loader=loader, inventory=nobody)
    finder = getattr(collection_loader, "_collection_finder", None)
    in_collection: Any = getattr(finder, "_get_collection_playbook_path", {}.get)
    plays: list[Any] = []
    try:
        for playbook in playbooks:
            of_collection = in_collection(playbook)
            path = of_collection[1] if of_collection else playbook
            plays += Playbook.load(path, variable_manager=variables, loader=loader).get_plays()
    except (AttributeError, TypeError, errors.AnsibleError):
        return None
    return plays


_VALIDATION = "ansible.builtin.validate_argument_spec"
"""Of a role with a spec, put in before its tasks and never left out."""


def tasks_of_play(play: Any, variables: Mapping[str, Any]) -> list[Any]:
    """The tasks of a play that the tags of the command line leave, in order, without those that Ansible puts in.

    Where the tags of a play are templates of what even Ansible does not know when it begins, all its tasks count.
    """
    tasks: list[Any] = []
    blocks = play.compile()
    try:
        nodes = [block.filter_tagged_tasks({**_variables_of_play(play), **variables}) for block in blocks]
    except (errors.AnsibleError, UndefinedError):  # from 2.19 on the second, within a template
        nodes = blocks
    while nodes:
        node = nodes.pop(0)
        if hasattr(node, "block"):
            nodes = [*node.block, *node.rescue, *node.always, *nodes]
        elif not getattr(node, "implicit", False) and node.action != _VALIDATION:
            tasks.append(node)
    return tasks


def _variables_of_play(play: Any) -> Mapping[str, Any]:
    """With those of its ``vars_files`` and roles, by which Ansible judges its tags, where this release tells them."""
    try:
        known: Mapping[str, Any] = play.get_variable_manager().get_vars(play=play)
    except (AttributeError, TypeError, errors.AnsibleError):
        known = play.get_vars()
    return known


_INVENTORY = ("", ".yml", ".yaml", ".json", ".ini", ".toml")
"""Endings of the files of a directory that somebody would miss; a list of customers or a key beside them is none."""
_NOTES = frozenset(("README", "LICENSE", "COPYING", "CHANGELOG", "MAKEFILE", "CODEOWNERS", "VERSION"))


def unread_sources(sources: Iterable[Any], passwords: Iterable[Any] = ()) -> list[str]:
    """The files and other sources of the inventory that Ansible has warned of and gone on without; none where this release
    does not tell. Before a play begins, nothing else knows of them.

    :param sources: as the command line gives them; of a directory each file counts.
    :param passwords: files and programs of vault passwords, by ``--vault-id`` or a path, which are no sources.
    """
    told = "".join("".join(map(str, getattr(Display(), "_warns", ()))).split())  # each was broken into lines
    if "Unabletoparse" not in told:
        return []
    secrets = {os.path.realpath(os.path.expanduser(str(name).rpartition("@")[2])) for name in passwords if name}
    sentences = (
        (source, f"Unable to parse {source} as an inventory source")
        for source in _sources_one_by_one(map(str, sources))
    )
    return [
        source
        for source, sentence in sentences
        if "".join(sentence.split()) in told and os.path.realpath(source) not in secrets
    ]


_PLAY = re.compile(
    rb"\A(?:[^\S\n]*(?:#.*|---.*)?\n)*- (?:(?:.*\n)*?  )?(?:hosts|(?:ansible\.builtin\.)?import_playbook):"
)
"""How a playbook begins: a list, which no inventory is."""
_TELLS_A_PASSWORD = re.compile(
    r"vault.*(?:pass|pw|client|key|secret)|(?:pass|pw|secret).*vault|^\.?vault(?:\.\w+)?$", re.IGNORECASE
)
"""The name of a program for the password of a vault; others with the word may list the customers that a vault has."""


def _sources_one_by_one(sources: Iterable[str]) -> Iterator[str]:
    for source in sources:
        yield from _files_below(source) if os.path.isdir(source) else [source]


def _files_below(directory: str) -> Iterator[str]:
    paths = [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
    if not paths:
        yield directory
    yield from _sources_one_by_one(path for path in paths if os.path.isdir(path) or _is_missed(path))


def _is_missed(path: str) -> bool:
    """Whether a file that is no inventory for Ansible was meant for one; one of comments alone holds no host."""
    try:
        with open(path, "rb") as file:
            content = file.read(65536)
    except OSError:
        return True
    if content.startswith(b"#!"):
        return not _TELLS_A_PASSWORD.search(os.path.basename(path))
    if _PLAY.search(content) or os.path.splitext(path)[1] not in _INVENTORY or os.path.basename(path).upper() in _NOTES:
        return False
    return any(line.strip() and not line.strip().startswith((b"#", b"---")) for line in content.splitlines())

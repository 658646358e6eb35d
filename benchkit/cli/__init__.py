"""The command line: one file a command, each imported only when it is asked for."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType

import click

from benchkit import DISTRIBUTION
from benchkit.contracts.errors import BenchkitError
from benchkit.toolkit.machine import waiting_variables

# Command: (module, attribute, one line of help). Help needs no import of any of them.
_COMMANDS = {
    "run": ("run", "run", "Evaluate recommenders on a dataset and write its leaderboard."),
    "leaderboard": ("leaderboard", "leaderboard", "Show a dataset's leaderboard."),
    "compare": ("compare", "compare", "Show how two rows differ, and whether by chance."),
    "worker": ("worker", "worker", "Join a search started on another machine."),
    "study": ("study", "study", "Show what a search for a configuration has tried."),
    "evaluate": ("evaluate", "evaluate", "Compute metrics again, from the kept lists."),
    "analyse": ("analyse", "analyse", "Show when recommenders hit, from the kept lists."),
    "export": ("export", "export", "Send a dataset's records to MLflow."),
    "data": ("data", "data", "Fetch, describe and generate datasets."),
    "embed": ("embed", "embed", "Embed a dataset's texts, and say beforehand what it costs."),
    "neighbours": ("neighbours", "neighbours", "Print the items nearest to a title."),
    "prompts": ("prompts", "prompts", "Print what language models would be fine-tuned on."),
    "list": ("list", "list_", "List the installed components."),
    "show": ("show", "show", "Explain a component and its parameters."),
    "plugin": ("plugin", "plugin", "Write a new plugin."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"benchkit.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from benchkit.contracts.errors import unknown_name

            raise click.UsageError(unknown_name("command", args[0], _COMMANDS), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, _, help) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=DISTRIBUTION, prog_name="benchkit")
def cli() -> None:
    """Benchmark sequential recommendation with language models.

    \b
    benchkit run --all --dataset steam    evaluate everything on a dataset
    benchkit leaderboard                  look at the tables
    benchkit plugin new NAME              write a plugin of your own
    """


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit code 2."""
    os.environ.update(waiting_variables())  # before anything imports torch
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored
        signal.signal(signal.SIGINT, _interrupt)
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        code = 130
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BenchkitError as error:
        click.echo(f"Error: {error}", err=True)
        code = 2
    except BrokenPipeError:
        # Whoever read our output (head, say) has gone; nothing is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        click.echo(f"Error: {_sentence(error)}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Let a command tidy up and say how to go on; a second Ctrl-C does not wait for that."""
    signal.signal(signal.SIGINT, _leave)
    raise KeyboardInterrupt


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once: what is written is whole, and workers end with us."""
    shown = "\x1b[?25h" if sys.stderr.isatty() else ""  # progress bars hide the cursor
    os.write(2, f"{shown}Left at once; what is finished is kept.\n".encode())
    os._exit(130)


def _sentence(error: OSError) -> str:
    from pathlib import Path

    from benchkit.toolkit.files import storage_error

    return str(storage_error(Path(str(error.filename or "the output")), error, "use"))

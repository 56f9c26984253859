"""The command line: train, evaluate, predict, data, list."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from sciml.benchmarks import benchmark_config
from sciml.catalogue import CATALOGUE
from sciml.comparison import compare
from sciml.config_file import load_config
from sciml.data import check_well, convert, make_resolutions, summarize
from sciml.experiment import evaluate, train
from sciml.predict import predict
from sciml.train import TrainingError

EXIT_USER_ERROR = 2
EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 2 for a user's error, 1 for a failure, 130 when interrupted, 141 when nobody reads on."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command != "train":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.overrides = rest
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be written at exit, and fail there with a message.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        return EXIT_CLOSED_PIPE
    except (ValueError, OSError, TrainingError) as error:
        if arguments.debug:
            traceback.print_exc()
        else:
            print(f"sciml: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("sciml: interrupted; continue the run with --resume", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        else:
            print(
                f"sciml: internal error: {type(error).__name__}: {error}; run again with --debug for the traceback",
                file=sys.stderr,
            )
        return EXIT_FAILURE
    return 0


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    overwrite = argparse.ArgumentParser(add_help=False, parents=[common])
    overwrite.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser = argparse.ArgumentParser(
        prog="sciml", description="Physics-informed scientific machine learning."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    p = commands.add_parser(
        "train",
        parents=[overwrite],
        allow_abbrev=False,
        help="train a PINN or an operator",
        usage="sciml train (CONFIG.yaml | --benchmark NAME) [--any.key value ...] [--overwrite | --resume]",
        epilog="Any key of the configuration is an option: --train.max_seconds 90, --model.options.width 32, --data.test '[a.h5,b.h5]'.",
    )
    p.add_argument(
        "--benchmark",
        metavar="NAME",
        help="a problem of `sciml list benchmarks`, with our configuration for it",
    )
    p.add_argument("--resume", action="store_true", help="continue a run that was stopped")
    p.set_defaults(run=_train)

    p = commands.add_parser("evaluate", parents=[common], help="evaluate a trained run anew")
    p.add_argument(
        "folders",
        nargs="+",
        metavar="RUN",
        help="several of one configuration: seeds with a confidence interval, training resolutions as a matrix",
    )
    p.add_argument(
        "--out", help="folder for the report of several runs; by default comparison beside the first"
    )
    p.add_argument("--data", nargs="+", default=[], metavar="F", help="test files, at any resolution")
    p.add_argument("--resolutions", nargs="+", type=int, default=[], metavar="N", help="points an axis")
    p.add_argument(
        "--recipe", help="of the data: a name or a file; its equation and its solver judge the predictions"
    )
    p.set_defaults(run=_evaluate)

    p = commands.add_parser("predict", parents=[overwrite], help="apply a trained run to new inputs")
    p.add_argument("folder", metavar="RUN")
    p.add_argument(
        "--input", required=True, help="points .npy (n, d) for a PINN, an HDF5 file for an operator"
    )
    p.add_argument("--out", required=True, help="fields .npy (n, k), or an HDF5 file")
    p.set_defaults(run=_predict)

    data = commands.add_parser("data", help="make, inspect, check and convert data sets").add_subparsers(
        required=True
    )
    p = data.add_parser("make", parents=[overwrite], help="compute a data set with a reference solver")
    p.add_argument("name", help="a folder of datasets/, or a recipe.yaml")
    p.add_argument("--out", required=True, help="a file; {} in its name stands for the resolution")
    p.add_argument("-n", "--samples", type=int)
    p.add_argument(
        "--resolution", nargs="+", type=int, metavar="N", help="points an axis; several make a file each"
    )
    p.add_argument(
        "--intervals",
        type=int,
        metavar="N",
        help="equal intervals of time, a stored state at the ends of each",
    )
    p.add_argument("--seed", type=int, default=0)
    p.set_defaults(run=_data_make)
    p = data.add_parser("inspect", parents=[common], help="what a file holds")
    p.add_argument("file")
    p.set_defaults(run=_data_inspect)
    p = data.add_parser("check", parents=[common], help="whether a file follows The Well's schema")
    p.add_argument("file")
    p.set_defaults(run=_data_check)
    p = data.add_parser("convert", parents=[overwrite], help="convert a neuraloperator .pt file")
    p.add_argument("source")
    p.add_argument("target")
    p.add_argument("--rename", default="", metavar="x=a,y=u", help="names of the fields")
    p.add_argument(
        "--grid", help="where the points lie: half-open (i/n), vertices (i/(n-1)) or centres ((i+1/2)/n)"
    )
    p.add_argument("--domain", nargs=2, type=float, default=(0.0, 1.0), metavar=("LOWER", "UPPER"))
    p.add_argument("--periodic", action="store_true")
    p.add_argument(
        "--walls",
        default="",
        metavar="u=0",
        help="values of fields on the upper walls, which half-open points lack: they become vertices",
    )
    p.set_defaults(run=_data_convert)

    p = commands.add_parser("list", parents=[common], help="what there is to choose from")
    p.add_argument("kind", nargs="?", choices=CATALOGUE, help="one kind; all by default")
    p.set_defaults(run=_list)
    return parser


def _train(arguments: argparse.Namespace) -> None:
    overrides = arguments.overrides
    files = [benchmark_config(arguments.benchmark)] if arguments.benchmark else []
    # a file is no argument of the parser, which would take the value of an override for one
    if overrides and not overrides[0].startswith("--"):
        files, overrides = [*files, Path(overrides[0])], overrides[1:]
    if len(files) != 1:
        raise ValueError(
            "give either a configuration file, before its options, or --benchmark NAME (sciml list benchmarks)"
        )
    config = load_config(files[0], overrides)
    report, table = train(config, overwrite=arguments.overwrite, resume=arguments.resume)
    _print_outcome(report, table, config.folder)


def _evaluate(arguments: argparse.Namespace) -> None:
    options = {name: getattr(arguments, name) for name in ("data", "resolutions", "recipe")}
    if len(arguments.folders) > 1:
        out = Path(arguments.out or Path(arguments.folders[0]).parent / "comparison")
        _, table = compare(arguments.folders, out, **options)
        print(f"{table}\nreport: {out / 'report.html'}")
        return
    if arguments.out:
        raise ValueError("--out is for several runs; the report of one is in its folder evaluation")
    (folder,) = arguments.folders
    report, table = evaluate(folder, **options)
    _print_outcome(report, table, Path(folder) / "evaluation")


def _print_outcome(report: dict[str, object], table: str, folder: Path) -> None:
    if table:
        print(table)
    rel_l2 = report["rel_l2"]
    print(f"rel_l2 {rel_l2:.4e}" if isinstance(rel_l2, float) else f"rel_l2 unknown: {report['rel_l2_why']}")
    print(
        f"{report['steps']} steps in {report['wall_s']:.1f} s, {report['n_params']} parameters; report: {folder / 'report.html'}"
    )


def _predict(arguments: argparse.Namespace) -> None:
    print(f"wrote {predict(arguments.folder, arguments.input, arguments.out, overwrite=arguments.overwrite)}")


def _data_make(arguments: argparse.Namespace) -> None:
    resolutions = arguments.resolution or [None]
    outs = {size: arguments.out.replace("{}", str(size or "")) for size in resolutions}
    if len(set(outs.values())) < len(resolutions):
        raise ValueError(
            f"--out {arguments.out}: one file for {len(resolutions)} resolutions; name each once and write {{}} where it belongs"
        )
    paths = make_resolutions(
        arguments.name,
        outs,
        n_samples=arguments.samples,
        intervals=arguments.intervals,
        seed=arguments.seed,
        overwrite=arguments.overwrite,
    )
    for path in paths:
        print(f"wrote {path}")


def _data_inspect(arguments: argparse.Namespace) -> None:
    print(summarize(arguments.file))


def _data_check(arguments: argparse.Namespace) -> None:
    problems = check_well(arguments.file)
    for problem in problems:
        print(problem)
    if problems:
        raise ValueError(f"{arguments.file}: {len(problems)} problem(s) with The Well's schema, listed above")
    print(f"{arguments.file}: valid")


def _data_convert(arguments: argparse.Namespace) -> None:
    walls = _assignments(arguments.walls, "--walls", "FIELD=VALUE", "u=0")
    path = convert(
        arguments.source,
        arguments.target,
        rename=_assignments(arguments.rename, "--rename", "OLD=NEW", "x=a,y=u"),
        grid=arguments.grid,
        domain=tuple(arguments.domain),
        periodic=arguments.periodic,
        walls={name: float(value) for name, value in walls.items()} or None,
        overwrite=arguments.overwrite,
    )
    print(f"wrote {path}")


def _assignments(text: str, option: str, form: str, example: str) -> dict[str, str]:
    """What "a=b,c=d" assigns."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if any(not (name and value) for name, _, value in pairs):
        raise ValueError(f"{option} {text!r}: write {form},{form}, for example {example}")
    return {name: value for name, _, value in pairs}


def _list(arguments: argparse.Namespace) -> None:
    for kind, entries_of in CATALOGUE.items():
        if arguments.kind in (None, kind):
            entries = entries_of()
            print(f"{kind}:")
            width = max(map(len, entries), default=0)
            for name, summary in entries.items():
                print(f"  {name:<{width}}  {summary}")


if __name__ == "__main__":
    sys.exit(main())

import numpy as np
import pytest
import yaml

from sciml.data import FieldFile, make_dataset, make_resolutions
from sciml.data.recipes import find_recipe, list_recipes, read_recipe

EVOLUTION = {
    "name": "small",
    "equation": {"name": "Heat", "parameters": {"kappa": 0.05}},
    "domain": {"x": [0.0, 2.0]},
    "grid": {"convention": "half-open", "periodic": True, "solve": 32, "store": 16},
    "fields": {"u": {"alpha": 2.0, "tau": 3.0, "boundary": "periodic", "modes": 8}},
    "solver": {"name": "periodic", "times": [0.0, 0.5, 1.0]},
    "samples": 3,
}
ELLIPTIC = {
    "name": "porous",
    "equation": {"name": "Darcy"},
    "domain": {"x": [0.0, 1.0], "y": [0.0, 1.0]},
    "grid": {"convention": "vertices", "solve": 17, "store": 9},
    "fields": {
        "a": {
            "alpha": 2.0,
            "tau": 3.0,
            "boundary": "neumann",
            "modes": 8,
            "mean_zero": True,
            "threshold": {"below": 0.1, "above": 7},
        }
    },
    "solver": {"name": "darcy"},
    "samples": 2,
}
VORTICITY = {
    "name": "vortices",
    "equation": {"name": "NavierStokes", "parameters": {"nu": 0.01}},
    "domain": {"x": [0.0, 1.0], "y": [0.0, 1.0]},
    "grid": {"convention": "half-open", "periodic": True, "solve": 24, "store": 12},
    "fields": {
        "w": {"alpha": 2.5, "tau": 7.0, "boundary": "periodic", "modes": 5, "mean_zero": True},
        "f": {"constant": 0.0},
    },
    "solver": {"name": "periodic", "times": [0.0, 0.1], "dt": 0.02},
    "samples": 2,
    "keep": ["w"],
}


@pytest.fixture
def write(tmp_path):
    def to_file(content, name="recipe.yaml"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return to_file


def read(path):
    with FieldFile(path) as file:
        return {name: file.read(name) for name in file.field_names}, file.grid, file.times, file.parameters


def test_an_evolution_recipe(write, tmp_path):
    out = make_dataset(write(EVOLUTION), tmp_path / "a.h5", progress=False)
    fields, grid, times, parameters = read(out)
    u = fields["u"]
    assert u.shape == (3, 3, 16)
    assert u.dtype == np.float32
    assert grid["x"].periodic
    assert (grid["x"].upper, grid["x"].convention) == (2.0, "half-open")
    assert list(times) == [0.0, 0.5, 1.0]
    assert parameters == {"kappa": 0.05, "dimensions": 1.0}
    # heat: mode m of a box of length 2 falls like exp(-kappa (pi m)^2 t)
    spectrum = np.fft.rfft(u.astype(np.float64), axis=2)[:, :, :5]
    decay = np.exp(-0.05 * (np.pi * np.arange(5)) ** 2 * 0.5)
    np.testing.assert_allclose(spectrum[:, 1], spectrum[:, 0] * decay, atol=1e-5)


def test_an_elliptic_recipe_of_two_phases(write, tmp_path):
    fields, grid, _, _ = read(make_dataset(write(ELLIPTIC), tmp_path / "a.h5", progress=False))
    assert fields["a"].shape == fields["u"].shape == (2, 1, 9, 9)
    assert set(np.unique(fields["a"])) == {np.float32(0.1), np.float32(7)}
    assert grid["y"].convention == "vertices"
    assert np.abs(fields["u"][:, :, 0]).max() == 0 < fields["u"][:, :, 4, 4].min()


def test_constraint_fields_constant_inputs_and_a_choice_of_fields(write, tmp_path):
    fields, _, _, _ = read(make_dataset(write(VORTICITY), tmp_path / "a.h5", progress=False))
    assert list(fields) == ["w"]
    assert fields["w"].shape == (2, 2, 12, 12)
    assert np.square(fields["w"][:, 1]).sum() < np.square(fields["w"][:, 0]).sum()


def test_a_force_of_waves_drives_the_flow(write, tmp_path):
    wave = {"amplitude": 50.0, "wavenumbers": [1, 2], "phase": 0.25}
    forced = changed(VORTICITY, "fields", "f", value={"waves": [wave]})
    free, driven = (
        read(make_dataset(write(content), tmp_path / f"{k}.h5", progress=False))[0]["w"]
        for k, content in enumerate((VORTICITY, forced))
    )
    x, y = np.meshgrid(*[np.arange(12) / 12] * 2, indexing="ij")
    gained = driven[:, 1] - free[:, 1]
    # 50 t cos 2π(x + 2y) less what diffusion took
    shape = np.cos(2 * np.pi * (x + 2 * y))
    amplitude = (gained * shape).sum((1, 2)) / np.square(shape).sum()
    damping = 0.01 * (2 * np.pi) ** 2 * 5
    np.testing.assert_allclose(amplitude, 50 * -np.expm1(-damping * 0.1) / damping, rtol=0.05)


@pytest.mark.parametrize(("content", "sizes", "step"), [(EVOLUTION, (8, 32), 4), (ELLIPTIC, (5, 17), 4)])
def test_a_seed_gives_the_same_samples_at_every_resolution_and_number(write, tmp_path, content, sizes, step):
    recipe = write(content)
    coarse, fine = (
        read(
            make_dataset(recipe, tmp_path / f"{n}.h5", resolution=n, n_samples=k, seed=7, progress=False),
        )[0]["u"]
        for n, k in zip(sizes, (2, 4), strict=True)
    )
    nested = fine[:2, :, ::step] if content is EVOLUTION else fine[:2, :, ::step, ::step]
    np.testing.assert_allclose(coarse, nested, rtol=1e-5, atol=1e-7)
    other = read(make_dataset(recipe, tmp_path / "other.h5", n_samples=2, seed=8, progress=False))[0]["u"]
    assert np.abs(other).max() > 0
    assert not np.array_equal(np.unique(other), np.unique(fine[:2]))


def test_periodic_solutions_at_any_points_and_intervals_of_time(write, tmp_path):
    """Heat from modes up to 8: what 24 and 80 points hold of 32 is the decay of each mode."""
    recipe = write(EVOLUTION)
    paths = {size: tmp_path / f"{size}.h5" for size in (24, 32, 80)}
    made = make_resolutions(recipe, paths, intervals=4, seed=3, progress=False)
    assert made == list(paths.values())
    spectra = {}
    for size, path in paths.items():
        fields, grid, times, _ = read(path)
        assert grid["x"].n == size
        np.testing.assert_allclose(times, [0, 0.25, 0.5, 0.75, 1])
        spectra[size] = np.fft.rfft(fields["u"].astype(np.float64), axis=2, norm="forward")
        decay = np.exp(-0.05 * (np.pi * np.arange(9)) ** 2 * 0.25)
        np.testing.assert_allclose(spectra[size][:, 1, :9], spectra[size][:, 0, :9] * decay, atol=1e-6)
        np.testing.assert_allclose(spectra[size][:, :, :9], spectra[24][:, :, :9], atol=1e-6)
        assert np.abs(spectra[size][:, :, 9:]).max() < 1e-6


def test_intervals_in_the_recipe(write, tmp_path):
    recipe = changed(EVOLUTION, "solver", value={"name": "periodic", "times": [0.0, 3.0], "intervals": 6})
    for intervals, times in ((None, np.linspace(0, 3, 7)), (2, [0, 1.5, 3])):
        out = make_dataset(
            write(recipe), tmp_path / "a.h5", n_samples=1, intervals=intervals, overwrite=True, progress=False
        )
        np.testing.assert_allclose(read(out)[2], times)


def test_the_solve_resolution_follows_from_what_is_stored(write, tmp_path):
    """The same medium on two grids: 17 points hold those of 5 and 9, and 25 those of 5 and 13, but come second."""
    recipe = write(changed(ELLIPTIC, "grid", "solve", value=[17, 25]))
    on_17, alone, on_25 = (
        make_resolutions(recipe, {n: tmp_path / f"{k}_{n}.h5" for n in sizes}, n_samples=1, progress=False)
        for k, sizes in enumerate(((5, 9), (5,), (5, 13)))
    )
    coarse, again, other = (read(paths[0])[0] for paths in (on_17, alone, on_25))
    np.testing.assert_array_equal(coarse["u"], again["u"])
    np.testing.assert_array_equal(coarse["u"], read(on_17[1])[0]["u"][:, :, ::2, ::2])
    np.testing.assert_array_equal(other["u"], read(on_25[1])[0]["u"][:, :, ::3, ::3])
    np.testing.assert_array_equal(coarse["a"], other["a"])
    difference = np.linalg.norm(coarse["u"] - other["u"]) / np.linalg.norm(coarse["u"])
    assert 0 < difference < 0.3
    message = r"13 is not nested in the 17 vertices points; .*; axis 'x': resolution 17 is not nested in the 25 vertices points"
    with pytest.raises(ValueError, match=message):
        make_resolutions(recipe, {17: tmp_path / "x.h5", 13: tmp_path / "y.h5"}, progress=False)


def test_the_data_sets_of_the_project_are_found_by_name():
    assert {"burgers", "darcy", "navier_stokes"} <= set(list_recipes())
    for name in list_recipes():
        assert read_recipe(find_recipe(name)).name == name
    with pytest.raises(ValueError, match=r"no data set 'burger'; there are .*burgers.*darcy"):
        find_recipe("burger")


def test_an_installed_package_brings_its_recipes(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages" / "sciml" / "_datasets" / "small"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(EVOLUTION))
    monkeypatch.setattr("sciml.data.recipes._PACKAGE", folder.parents[1])
    assert list_recipes() == ["small"]
    assert find_recipe("small") == folder / "recipe.yaml"


def test_a_recipe_by_its_folder_and_an_existing_file(write, tmp_path):
    out = make_dataset(write(EVOLUTION).parent, tmp_path / "a.h5", n_samples=1, progress=False)
    before = out.read_bytes()
    with pytest.raises(ValueError, match=r"a\.h5: already exists; pass --overwrite"):
        make_dataset(write(EVOLUTION), out, progress=False)
    assert out.read_bytes() == before
    make_dataset(write(EVOLUTION), out, n_samples=2, overwrite=True, progress=False)
    assert read(out)[0]["u"].shape[0] == 2


def changed(base, *keys, value):
    content = yaml.safe_load(yaml.safe_dump(base))
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- 1\n- 2\n", "recipe: expected keys and values"),
        ("a: [1\n", "not a YAML file"),
        (changed(EVOLUTION, "solver", value=None), "key solver is missing"),
        (changed(EVOLUTION, "colour", value="red"), "unknown key colour; there are name, equation"),
        (changed(EVOLUTION, "equation", "name", value="Heats"), "unknown name 'Heats'; there are .*Burgers"),
        (
            changed(EVOLUTION, "equation", "parameters", value={"nu": 1.0}),
            "unknown key nu; there are kappa, dimensions",
        ),
        (
            changed(EVOLUTION, "equation", "parameters", value={"kappa": "1e-3"}),
            "kappa: expected a number, found '1e-3' ",
        ),
        (changed(EVOLUTION, "domain", "x", value=[0.0]), r"domain: x: expected \[lower, upper\]"),
        (
            changed(EVOLUTION, "grid", "solve", value=0),
            "grid: solve: expected a positive whole number, found 0",
        ),
        (
            changed(EVOLUTION, "grid", "solve", value=[]),
            r"grid: solve: expected a positive whole number, found \[\]",
        ),
        (
            changed(EVOLUTION, "solver", "intervals", value=0.5),
            "solver: intervals: expected a positive whole number, found 0.5",
        ),
        (changed(EVOLUTION, "grid", "convention", value="middle"), "unknown grid convention 'middle'"),
        (changed(EVOLUTION, "fields", value={"v": {"constant": 1}}), "fields: unknown key v; there are u"),
        (changed(EVOLUTION, "fields", "u", "alpha", value=None), "fields: u: key alpha is missing"),
        (changed(EVOLUTION, "fields", "u", "alpha", value="two"), "fields: u: alpha: expected a number"),
        (
            changed(EVOLUTION, "solver", "name", value="magic"),
            "unknown name 'magic'; there are periodic, darcy",
        ),
        (
            changed(EVOLUTION, "solver", "steps", value=3),
            "solver periodic: unknown key steps; there are times, dt",
        ),
        (changed(EVOLUTION, "keep", value=["p"]), "keep: expected a list of u"),
        (changed(EVOLUTION, "samples", value="many"), "samples: expected a positive whole number"),
        (changed(ELLIPTIC, "fields", value={}), "fields: key a is missing"),
        (
            changed(ELLIPTIC, "fields", "a", "threshold", value={"below": 1.0}),
            "threshold: key above is missing",
        ),
        (
            changed(VORTICITY, "fields", "f", value={"waves": [{"amplitude": 1.0, "wavenumbers": [1]}]}),
            r"fields: f: waves\[0\]: wavenumbers: expected 2 whole numbers, found \[1\]",
        ),
        (
            changed(VORTICITY, "fields", "f", value={"waves": {"amplitude": 1.0}}),
            "fields: f: waves: expected a list",
        ),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line_with_its_file(write, tmp_path, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        make_dataset(write(content), tmp_path / "a.h5", progress=False)
    assert "recipe.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.glob("*.h5")) == []


def test_wrong_arguments_are_named(write, tmp_path):
    recipe, out = write(EVOLUTION), tmp_path / "a.h5"
    with pytest.raises(FileNotFoundError, match=r"none\.yaml: no such recipe file"):
        make_dataset(tmp_path / "none.yaml", out)
    with pytest.raises(ValueError, match="n_samples=0"):
        make_dataset(recipe, out, n_samples=0)
    for size in (0, 1):
        with pytest.raises(ValueError, match=rf"resolution {size} is not nested .* 2, 4, 8, 16, 32"):
            make_dataset(recipe, out, resolution=size)
    with pytest.raises(ValueError, match="intervals: expected a positive whole number, found 0"):
        make_dataset(recipe, out, intervals=0)
    with pytest.raises(ValueError, match=r"12 is not nested in the 17 vertices points.* 3, 5, 9, 17"):
        make_dataset(write(ELLIPTIC), out, resolution=12)
    with pytest.raises(ValueError, match="porous is steady: it has no intervals of time"):
        make_dataset(write(ELLIPTIC), out, intervals=4)
    wrong = changed(ELLIPTIC, "equation", "name", value="Poisson")
    wrong["fields"] = {"f": {"constant": 1.0}}
    with pytest.raises(
        ValueError, match="the solver 'darcy' solves Darcy for the field a, not Poisson for f"
    ):
        make_dataset(write(wrong), out, progress=False)

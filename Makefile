# make demo and make test need python3 (3.11 or newer) and nothing else: they create .venv and install into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check bench bench-pinn bench-operators format clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(STAMP)

# Trains an operator on the shipped HDF5 sample and evaluates its super-resolution, then trains a short PINN.
demo: $(STAMP)
	$(BIN)/sciml train examples/darcy_fno.yaml --train.max_seconds 45 --output runs/demo_darcy --overwrite
	$(BIN)/sciml train examples/burgers_pinn.yaml --train.max_seconds 45 --output runs/demo_burgers --overwrite
	@echo
	@echo "Open the reports: runs/demo_darcy/report.html and runs/demo_burgers/report.html"

test: $(STAMP)
	$(BIN)/pytest -n auto

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Measurements, about nine hours: the figures of docs/benchmarks.md. Balancers in their papers' set-ups take up to hours a run: here
# is the table of those recorded, and tests/benchmarks/test_balancer_papers.py makes them.
bench: bench-pinn bench-operators
	$(BIN)/pytest -m bench -s tests/benchmarks/test_headlines.py

# Those of PINNs, about two and a half hours; each file runs by itself too. Speeds have the machine to themselves, accuracies
# in equal time are measured two at a time with a thread each.
bench-pinn: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev,bench]"
	$(BIN)/pytest -m bench -s $(addprefix tests/benchmarks/, test_adam_step.py test_compiled_loss.py test_balancers.py test_conditioning.py test_quasi_newton.py)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m bench -rP -n 2 --dist worksteal $(addprefix tests/benchmarks/, test_burgers_shock.py test_pinn_accuracy.py)
	$(BIN)/pytest -m bench -s tests/benchmarks/test_balancer_table.py
	SCIML_PAPER_RESULTS=docs/results/balancer_papers $(BIN)/pytest -m bench -s tests/benchmarks/test_balancer_papers.py -k table

# Those of operators, about five and a half hours: speeds with the machine to themselves, the rest two at a time with a thread each.
bench-operators: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev,bench]"
	$(BIN)/pytest -m bench -s $(addprefix tests/benchmarks/, test_operator_speed.py test_axis_transform.py)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m bench -rP -n 2 --dist worksteal tests/benchmarks/test_operator_accuracy.py
	$(BIN)/pytest -m bench -s $(addprefix tests/benchmarks/, test_operator_table.py test_darcy_limit.py)

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs

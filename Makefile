# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# `make help` lists the targets. Everything that a target needs it makes by itself, without a prompt, inside this
# directory: .venv (locked versions), further .venv-* for other releases of ansible-core and for tools, .build.

SHELL := /bin/sh
PYTHON ?= $(shell tools/find-python)
PY := .venv/bin/python
GATES = $(PYTHON) tools/gates.py

# The lab and the playbooks of this repository need no configuration of the machine.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build/collections
unexport ANSIBLE_CONFIG PYTHONPATH VIRTUAL_ENV REQUESTS_CA_BUNDLE CURL_CA_BUNDLE

.DEFAULT_GOAL := help
.PHONY: help setup generate demo lab check test lint units integration sanity docs build release coverage mutants sbom audit bench faults format locks changelog clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## Make the virtual environment (.venv) with locked versions
	@test -n "$(PYTHON)"
	@$(PYTHON) tools/environments.py main

demo: setup ## Roll Microsoft 365 sign-in out to twelve simulated phone systems, and show each step
	@PYTHONPATH=tests/lab $(PY) tests/demo/run.py

lab: setup ## Start the lab alone, print its inventory and write it to .build/lab (Ctrl-C ends it)
	@mkdir -p .build/lab
	@PYTHONPATH=tests/lab $(PY) -m tcx_lab --state-dir .build/lab

check: ## Static checks and unit tests, within a minute
	@$(GATES) check

test: ## Every test and every check, with honest totals
	@$(GATES) test

lint: ## Static checks alone
	@$(GATES) lint

units: ## Unit tests alone
	@$(GATES) units

integration: ## Playbooks and modules against the lab, on every release of ansible-core
	@$(GATES) integration

sanity: ## ansible-test sanity on every release of ansible-core
	@$(GATES) sanity

docs: ## Check the documentation of plugins, roles and the collection, and build its site (.build/site)
	@$(GATES) docs

build: ## Build the collection and import it the way Galaxy does
	@$(GATES) build
	@ls .build/artifact/*.tar.gz

release: ## Check, build, sign and try a release as a user gets it (.build/release); changes nothing here
	@$(PYTHON) tools/release.py

faults: setup ## Every kind of trouble at every request of every flow, and what became of it; goes on where it was stopped (CASE='NAME', SAMPLE=N)
	@PYTHONPATH=.build/collections:tests/lab $(PY) tests/faults/run.py $(if $(CASE),--case '$(CASE)',$(if $(SAMPLE),--sample $(SAMPLE) --seed $(or $(SEED),0),$(if $(RESTART),--restart)))

coverage: ## Lines and branches of plugins/ that tests come to, forks counted: the part of test that counts them
	@$(GATES) coverage

mutants: ## Change planners, adoption rules and readers of variables place by place: which tests notice (not a part of test)
	@$(PYTHON) tools/environments.py mutants
	@.venv-mutants/bin/python tools/measure_mutants.py $(FILE)

sbom: ## Write the software bill of materials (CycloneDX) to .build/artifact
	@$(PYTHON) tools/sbom.py

audit: ## Ask whether locked dependencies have known vulnerabilities; says so where nobody can be asked
	@$(PYTHON) tools/audit.py

bench: setup ## Benchmarks: calls, time and memory per phone system
	@PYTHONPATH=tests/lab $(PY) tests/bench/run.py

generate: setup ## Write what follows from the argument specs: role specs, READMEs, doc fragments, tables
	@$(PY) tools/generate.py

format: ## Format the Python code and mend what the linter can mend
	@$(PYTHON) tools/environments.py lint
	@.venv-lint/bin/ruff check --fix-only --quiet .
	@.venv-lint/bin/ruff format .

locks: ## Compile tests/requirements/*.in to hashed locks again
	@$(PYTHON) tools/lock.py

changelog: ## Write CHANGELOG.md from the fragments and the modules of this version
	@$(PYTHON) tools/environments.py lint
	@PATH=$(CURDIR)/.venv-lint/bin:$$PATH antsibull-changelog release --update-existing --reload-plugins

clean: ## Remove everything that the targets made
	@rm -rf .build .venv .venv-* .nox .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

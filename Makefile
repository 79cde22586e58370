# On a fresh machine with Python 3.11, make and gcc:
#   make wheel   builds a slim wheel and imports it in a fresh environment
#   make test    runs the tests, those on the real upstream wheel included
#   make wheels  builds all that matrix.toml asks for; -j 4 builds four at once
#   make publish TO=s3://bucket/prefix   puts the wheels in dist on an index
#   make image   builds the image in which wheels are built: docs/docker.md

PYTHON ?= python3.11
VENV ?= .venv
RECIPE ?= cpu
UPSTREAM ?= torch==2.13.0+cpu
# Which of an upstream's wheels: the Python and platform that it is for.
FOR ?= --python 3.11 --platform manylinux_2_28_x86_64
# Where CPU builds of torch are published; a wheel that pip finds elsewhere does not need it.
INDEX ?= https://download.pytorch.org/whl/cpu
DIST ?= dist
MATRIX ?= matrix.toml
# The root of an index, https://.../simple/: what it has already is not built again.
PUBLISHED ?=
# Where to publish to: s3://bucket/prefix, or file:///directory.
TO ?=
# Such as '--ignore SW210', which torchvision's wheels need: libraries of theirs are in torch.
PUBLISH_OPTIONS ?=
# What builds images, as docker and podman do, and with which further options.
BUILDER ?= docker
IMAGE ?= slimwheel
IMAGE_OPTIONS ?=
PYTEST_OPTIONS ?= -n 2 --dist loadgroup

bin := $(VENV)/bin
installed := $(VENV)/.installed

.PHONY: help wheel wheels publish image shim test test-all lint format bench clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -6
	@echo '  make shim | lint | format | test-all | bench | clean'

$(installed): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(bin)/pip install --quiet --upgrade pip
	$(bin)/pip install --quiet --editable '.[test]'
	touch $@

# The smoke import installs the result in a fresh environment and imports it there.
wheel: $(installed)
	$(bin)/slimwheel build --recipe $(RECIPE) --output-dir $(DIST) --force \
	    $(FOR) $(if $(INDEX),--extra-index-url $(INDEX)) '$(UPSTREAM)'

# Every entry of the matrix is a target of a makefile of its own, so that -j and -k do what they do.
wheels: $(installed)
	mkdir -p $(DIST)
	$(bin)/slimwheel matrix --make $(if $(PUBLISHED),--index '$(PUBLISHED)') $(MATRIX) > $(DIST)/matrix.mk
	$(MAKE) --no-print-directory -f $(DIST)/matrix.mk \
	    SLIMWHEEL=$(bin)/slimwheel BUILD_OPTIONS='--output-dir $(DIST) --force'

publish: $(installed)
	$(if $(TO),,$(error TO= has to say where to, such as TO=s3://bucket/prefix))
	$(bin)/slimwheel publish $(PUBLISH_OPTIONS) '$(TO)' $(DIST)/*.whl

image:
	$(BUILDER) build -f docker/build.Dockerfile -t $(IMAGE) $(IMAGE_OPTIONS) .

# torch_ergonomics alone, for environments with upstream's torch.
shim: $(installed)
	$(bin)/slimwheel shim --output-dir $(DIST) --force

test: $(installed)
	$(bin)/python -m pytest $(PYTEST_OPTIONS) -m 'not slow'

test-all: $(installed)
	$(bin)/python -m pytest $(PYTEST_OPTIONS)

lint: $(installed)
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy

format: $(installed)
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

# Everything side by side in one run; writes benchmarks/results. Of all that
# benchmarks/subjects.toml lists, or of UPSTREAM= alone, which needs FOR= too (and INDEX=, where
# pip does not find it) if it is not listed. RECIPE= and DEVICES=, such as '8.0 9.0', measure only
# what is slimmed that way. PYTHONS=3.6=/path names Pythons that are not on PATH.
given = $(if $(filter-out file,$(origin $(1))),$(2))
bench: $(installed)
	$(bin)/python -m benchmarks $(call given,UPSTREAM,--upstream '$(UPSTREAM)') \
	    $(call given,FOR,$(FOR)) $(call given,INDEX,$(if $(INDEX),--extra-index-url $(INDEX))) \
	    $(call given,RECIPE,--recipe $(RECIPE)) $(addprefix --device ,$(DEVICES)) \
	    $(addprefix --python-for ,$(PYTHONS)) --output benchmarks/results
	$(if $(call given,UPSTREAM,one)$(call given,RECIPE,one),,$(bin)/python -m benchmarks.shim \
	    $(addprefix --python-for ,$(PYTHONS)) --output benchmarks/results)
	$(if $(call given,UPSTREAM,one)$(call given,RECIPE,one),,$(bin)/python -m benchmarks.example \
	    $(addprefix --python-for ,$(PYTHONS)) --output benchmarks/results)
	$(if $(call given,UPSTREAM,one)$(call given,RECIPE,one),,$(bin)/python -m benchmarks.repacking \
	    --output benchmarks/results)
	$(if $(call given,UPSTREAM,one)$(call given,RECIPE,one),,$(bin)/python -m benchmarks.growth \
	    --output benchmarks/results)

clean:
	rm -rf $(VENV) $(DIST) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

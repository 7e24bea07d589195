# One word for each thing that one does here; `make help` lists them. Each does the set-up first,
# which costs nothing where nothing is missing.

SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL:  # CMake builds in parallel; our own steps come one after another
.SUFFIXES:

# Tests wait more than they compute.
jobs := $(shell echo $$((2 * $$(nproc))))
# A lesson is a folder: lessons/05-epoll gives `make epoll` and `make test-epoll`.
lessons := $(shell ls lessons | sed -n 's/^[0-9][0-9]-//p')
PREFIX ?= /usr/local
export CMAKE_FLAGS

.PHONY: all
all: setup  ## build everything
	@scripts/build dev

.PHONY: setup
setup:  ## install what this machine lacks (all others do it too)
	@scripts/setup

.PHONY: demo
demo: setup  ## run the lessons' servers side by side: a table, and a page with plots
	@scripts/build dev programs
	@build/bin/unblock compare --html build/demo.html

.PHONY: test
test: setup  ## run every test
	@scripts/build dev
	@ctest --preset dev -j$(jobs)

.PHONY: $(lessons)
$(lessons): setup
	@scripts/build dev $@_program
	@build/bin/$@ demo

# The rest of the name is a label of ctest: a lesson's name, core, testkit, tree ...
test-%: setup
	@scripts/build dev $*_test
	@ctest --preset dev -j$(jobs) -L '^$*$$'

.PHONY: lessons
lessons:  ## list the lessons
	@for folder in lessons/[0-9][0-9]-*; do \
	  name=$${folder##*/[0-9][0-9]-}; \
	  printf '  make %-12s %s\n' "$$name" "$$(sed -n '1s/^# *//p' $$folder/README.md 2>/dev/null)"; \
	done

.PHONY: exercises
exercises: setup  ## build what the exercises need, and list them
	@scripts/build dev exercises unblock
	@build/bin/unblock progress

.PHONY: grade
grade: setup  ## grade your solutions of the exercises
	@scripts/build dev exercises unblock
	@build/bin/unblock grade || true

# exercise-01: all that one takes, and your solution graded. Points that are missing are no error.
exercise-%: setup
	@scripts/build dev exercise_$* unblock
	@build/bin/unblock grade $* || true

.PHONY: graders
graders: setup  ## grade the graders: right solutions and known-wrong ones (instructors)
	@scripts/build dev exercises unblock
	@build/bin/unblock graders

.PHONY: gradescope
gradescope:  ## an autograder for Gradescope: make gradescope EXERCISES='read-exactly line-reader'
	@scripts/gradescope $(EXERCISES)

.PHONY: classroom
classroom: setup  ## a template for GitHub Classroom: make classroom DIR=../template
	@[[ -n '$(DIR)' ]] || { echo 'Say where: make classroom DIR=../template' >&2; exit 2; }
	@scripts/build dev unblock
	@build/bin/unblock handout '$(DIR)'
	@mkdir -p '$(DIR)/.github/workflows'
	@cp instructor/classroom/classroom.yml '$(DIR)/.github/workflows/'

.PHONY: diff
diff:  ## what one lesson's model does otherwise than another's: make diff A=03 B=04
	@scripts/diff-lessons '$(A)' '$(B)'

.PHONY: asan
asan: setup  ## run every test under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/setup sanitizers
	@scripts/build asan
	@ctest --preset asan -j$(jobs)

# On a kernel that spreads addresses widely the sanitizer of GCC 12 finds its own places taken.
fixed_addresses = $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: tsan
tsan: setup  ## run every test under ThreadSanitizer
	@scripts/setup sanitizers
	@scripts/build tsan
	@$(fixed_addresses) ctest --preset tsan -j$(jobs)

.PHONY: bench
bench: setup  ## measure speed, in ratios
	@scripts/setup bench
	@CMAKE_FLAGS='-DUNBLOCK_BENCH=ON $(CMAKE_FLAGS)' scripts/build release bench

# A library that cannot be had is told by the set-up, and its peers are left out.
.PHONY: peers
peers: setup  ## compare with Asio, libuv, libevent ...: make peers FLAGS='--load all-busy'
	@scripts/setup peers || true
	@CMAKE_FLAGS='-DUNBLOCK_PEERS=ON $(CMAKE_FLAGS)' scripts/build release programs peers
	@scripts/compare-peers build-release $(FLAGS)

.PHONY: format
format:  ## format the C++ files
	@find core testkit lessons $(wildcard tools bench exercises instructor tests) \
	  \( -name '*.cpp' -o -name '*.hpp' \) -print0 | xargs -0 clang-format -i

.PHONY: lint
lint: setup  ## look for slips in the C++ files and the scripts, and at their format
	@scripts/setup lint
	@scripts/setup bench peers || true
	@scripts/build dev
	@scripts/lint

.PHONY: readmes
readmes: setup  ## write the READMEs' code and transcripts anew, from the code and the programs
	@scripts/build dev
	@build/tests/readme_check --update $(wildcard README.md lessons/*/README.md) --programs build/bin

.PHONY: install
install: setup  ## install the programs: make install PREFIX=/usr/local
	@scripts/build release
	@cmake --install build-release --prefix '$(PREFIX)'

.PHONY: clean
clean:  ## remove what was built
	@rm -rf build build-*

.PHONY: help
help:  ## this list
	@sed -nE 's/^([a-z]+):.*  ## (.*)/\1|\2/p' Makefile | sed 's/^all|/|/' | \
	  while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done
	@for name in $(lessons); do printf '  make %-12s %s\n' $$name "run the demo of lesson $$name, narrated"; done
	@printf '  make %-12s %s\n' exercise-NN 'build one exercise and grade your solution: make exercise-01'
	@printf '  make %-12s %s\n' test-NAME 'run the tests of one lesson: make test-$(lastword $(lessons))'

# What can be made; "make help" lists it.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each does all the set-up that it needs, and nothing twice.  BASE= names the QEMU to work on
# (7.2, 10.0 or 10.2: patches/bases); without it, that of the release that this machine runs.
export BASE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run check faults e2e bench series series-check refresh tree build docs lint clean packages python

run: build        ## boot a Linux guest with vDPA devices (VHOSTDEV=/dev/vhost-vdpa-0 for a real one)
	@tools/kernel 6.1
	@tools/run

check: python     ## every test: simulator, also against real kernels, qtests, faults, end to end, series, manual, lint (PARTS="qtest lint"; BASE=10.0)
	@tools/check $(PARTS)

faults: build     ## each call that the device makes fails in each way, and random answers, under ASan, LSan and UBSan
	@tools/build sanitizers
	@tools/faults

e2e: python       ## the tests on real kernels' vDPA devices, alone
	@tools/check e2e-6.1 e2e-6.12 e2e-types

series: tree      ## build/BASE/series: the patches for git am and for quilt, verified
	@tools/series

series-check: tree      ## build QEMU at each step of the series
	@tools/series-check

refresh:          ## carry edits in build/BASE/qemu into patches/ and our files (STEP=NN-name SUBJECT="area: what"; ONLY=1)
	@tools/refresh $(if $(STEP),'STEP=$(STEP)') $(if $(SUBJECT),'SUBJECT=$(SUBJECT)') $(if $(ONLY),'ONLY=$(ONLY)')

bench: tree       ## what it costs, against what a user would pick instead: table, CSV and plots in build/BASE/bench
	@tools/packages bench/packages.list
	@tools/build qemu-system-x86_64 tests/vhost-vdpa-sim/libvhost-vdpa-sim.so
	@tools/kernel 6.1
	@tools/kernel-vdpa 6.1
	@tools/qemu-later
	@bench/bench $(PARTS)

tree: packages    ## build/BASE/qemu: Debian's source with a commit for each step of the series
	@tools/tree

build: tree       ## build/BASE/qemu-build: QEMU, the simulator and the tests
	@tools/build

docs: tree        ## build/BASE/docs: QEMU's manual with the device's chapter
	@tools/docs

lint: tree        ## shell, Python, patches, licences, spelling
	@tools/lint

clean:            ## remove build/
	rm -rf build

help:             ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

packages:
	@tools/packages

# tools/check sets up what its parts need, but it is Python itself
python:
	@[ -x /usr/bin/python3 ] || tools/packages

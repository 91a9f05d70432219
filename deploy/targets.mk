# Targets around the program: running it, testing it, checking it. Included by the Makefile.

.PHONY: help packages up down clean-up psql test bench soak docs lint format format-check werror

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST)) deploy/targets.mk

#: make              build the extension and its helper programs (PG_CONFIG names the PostgreSQL)
#: make install      install them where PG_CONFIG says
#: make packages     install what building, running and testing need (Debian, Ubuntu)
packages:
	@deploy/packages build run test lint

#: make test         prove everything; ONLY=pattern runs the files whose path matches
test:
	@test/run $(if $(ONLY),'$(ONLY)')

#: make bench        measure, each figure beside its floor; ONLY=pattern runs the files whose name matches
bench:
	@deploy/packages build run bench
	@test/bench/run $(if $(ONLY),'$(ONLY)')

#: make soak         the long run: 10,000 syncs by one worker, its memory and open files
soak:
	@WHALEFALL_BENCH_SYNCS=10000 test/bench/run memory

#: make up           run a control plane on this machine, out of this checkout
#: make down         stop it
#: make clean-up     stop it and remove everything it has made
#: make psql         connect to it
up down clean-up psql:
	@deploy/$@

#: make lint         the checks of the source alone (test/lint)
lint:
	@test/run '^test/lint/'

#: make docs         write docs/api.md out of the program's declarations
docs: all
	@docs/generate

#: make format       give the C files their look; make format-check only looks
format:
	@test/lint/format --fix
format-check:
	@test/lint/format

#: make werror       build with gcc and with clang, warnings being errors
werror:
	@test/lint/werror

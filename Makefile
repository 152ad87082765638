# make demo   see it work: two bricks, a mount with bypass, a healer, a real workload, a comparison of both bricks
# make test   everything that CI runs
# make build  the three commands, optimised, in .build/release
# make bench  the ratios of DESIGN's budget, measured side by side
.PHONY: demo test build bench man clean soak

build:
	scripts/setup build
	swift build -c release -j 2

demo:
	scripts/demo

test:
	scripts/setup test
	scripts/check

bench: build
	scripts/setup test
	Benchmarks/run

soak: build
	scripts/setup test
	python3 Tests/EndToEnd/kill_under_load.py --rounds 40

clean:
	swift package clean

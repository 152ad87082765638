# make demo     see it work: two bricks, a mount with bypass, a healer, a real workload, a comparison of both bricks
# make demo-netns    the same on several hosts, namespaces of this machine with real GlusterFS; a brick's network is pulled
# make demo-cluster  the same on several hosts, containers of Docker
# make test     everything that CI runs
# make build    the three commands, optimised, in .build/release
# make man      their manual pages, in .build/man
# make install  commands, manual pages, completions and example volfiles below PREFIX (/usr/local), links for
#               mount(8) in MOUNT_HELPERS (/usr/sbin); DESTDIR for packages
# make bench    the ratios of DESIGN's budget, measured side by side
# make soak     kill -9 under load, forty times; file systems and machines that die, two hundred times
.PHONY: demo demo-netns demo-cluster test build bench man install clean soak

PREFIX ?= /usr/local
# Where mount(8) looks for helpers, whatever the prefix is.
MOUNT_HELPERS ?= /usr/sbin
BUILD ?= .build/release
COMMANDS = volmount healer healctl
prefix = $(DESTDIR)$(PREFIX)

build:
	scripts/setup build
	scripts/build

demo:
	scripts/demo

demo-netns:
	scripts/demo-netns

demo-cluster:
	scripts/demo-cluster

test:
	scripts/setup test
	scripts/check

bench: build
	scripts/setup test
	Benchmarks/run

soak: build
	scripts/setup test
	python3 Tests/EndToEnd/kill_under_load.py --rounds 40
	python3 Tests/EndToEnd/names_as_locks.py
	python3 Tests/EndToEnd/power_cut.py --rounds 200
	python3 Tests/EndToEnd/disk_death.py --rounds 200

man: $(addprefix $(BUILD)/,$(COMMANDS))
	scripts/man --binaries $(BUILD) --datadir $(PREFIX)/share .build/man

# What is built is installed: root need not build.
$(addprefix $(BUILD)/,$(COMMANDS)):
	$(MAKE) build

install: man
	install -d $(prefix)/bin $(DESTDIR)$(MOUNT_HELPERS) $(prefix)/share/bypass/volfiles $(prefix)/share/man/man5 $(prefix)/share/man/man8
	install -d $(prefix)/share/bash-completion/completions $(prefix)/share/zsh/site-functions $(prefix)/share/fish/vendor_completions.d
	install -m 755 $(addprefix $(BUILD)/,$(COMMANDS)) $(prefix)/bin
	ln -sfn $(PREFIX)/bin/volmount $(DESTDIR)$(MOUNT_HELPERS)/mount.volmount
	ln -sfn mount.volmount $(DESTDIR)$(MOUNT_HELPERS)/mount.fuse.volmount
	install -m 644 volfiles/*.vol $(prefix)/share/bypass/volfiles
	install -m 644 .build/man/man5/* $(prefix)/share/man/man5
	install -m 644 .build/man/man8/* $(prefix)/share/man/man8
	for command in $(COMMANDS); do \
	    $(BUILD)/$$command --generate-completion-script bash > $(prefix)/share/bash-completion/completions/$$command && \
	    $(BUILD)/$$command --generate-completion-script zsh > $(prefix)/share/zsh/site-functions/_$$command && \
	    $(BUILD)/$$command --generate-completion-script fish > $(prefix)/share/fish/vendor_completions.d/$$command.fish || exit 1; \
	done

clean:
	swift package clean

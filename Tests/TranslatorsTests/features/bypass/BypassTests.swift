import Testing
import TranslatorTesting

/// `features/bypass` on real bricks: one test at a time, because each waits for timers and tasks of its own.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
enum BypassTests {}

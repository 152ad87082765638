import FuseMount
import TranslatorCore
import Translators

/// What manual pages take from the tables that check options: `volmount --print-manual TABLE`, for `make man`.
enum ManualTables {
    static let flag = "--print-manual"

    /// man(7) source; nil for a table that there is not.
    static func source(_ table: String) -> String? {
        switch table {
        case "mount": OptionTable(title: table, FuseMountSettings.declarations).items()
        case "process": OptionTable(title: table, MountOptions.processDeclarations).items()
        case "kernel": KernelMountFlags.names.joined(separator: ", ") + "\n"
        case "translators": InTreeTranslators.all.map(subsection).joined()
        default: nil
        }
    }

    private static func subsection(of translator: any Translator.Type) -> String {
        let names = translator.aliases.isEmpty ? "" : " Also called \(translator.aliases.joined(separator: ", "))."
        let summary = "\(translator.summary) Stands on \(translator.needs).\(names)"
        return OptionTable(title: translator.type, summary: summary, translator.options).subsection()
    }
}

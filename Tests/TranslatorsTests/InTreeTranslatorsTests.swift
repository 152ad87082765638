import Testing
import TranslatorCore
import Translators

@Suite struct InTreeTranslatorsTests {
    @Test(arguments: InTreeTranslators.all.map { $0.type })
    func `each option has one name, a help text, and a default that it takes itself`(type: TranslatorType) throws {
        let options = try #require(InTreeTranslators.registry[type]).options
        let names = options.flatMap(\.names)
        #expect(Set(names).count == names.count, "\(type) has an option name twice")
        for option in options {
            #expect(option.help.hasSuffix("."), "\(type), option \(option.name): the help is one or more sentences")
            guard let text = option.defaultText else { continue }
            #expect(throws: Never.self, "\(type), option \(option.name)") {
                try OptionValues([option.name: text], declarations: [option])
            }
        }
    }

    @Test func `no type is claimed by two translators`() {
        let types = InTreeTranslators.all.flatMap { [$0.type] + $0.aliases }
        #expect(Set(types).count == types.count)
    }
}

import Foundation
import LatchkeyCore
import LatchkeyTesting
import Testing

@testable import LatchkeyImport

/// Other systems' names for providers, and what is shown of other people's texts.
struct ProviderNamesTests {
    private let catalogue: ProviderCatalogue

    init() throws { catalogue = try ProviderCatalogue.load(operatorFile: nil, allowLoopback: false) }

    @Test func `ids, display names and spellings of them are known, and nothing else`() throws {
        let names = try ProviderNames(catalogue: catalogue)
        for provider in catalogue.providers {
            for spelling in [
                provider.id.text, provider.name, provider.id.text.uppercased(), provider.name.lowercased(),
            ] {
                #expect(names.provider(spelling) == provider.id, "\(spelling)")
            }
        }
        let others = [
            "azure_openai": "azure-openai", "Google": "gemini", "hugging_face": "huggingface", "Claude": "anthropic",
            "azure": "azure-openai", "x-ai": "xai",
        ]
        for (name, id) in others { #expect(names.provider(name)?.text == id, "\(name)") }
        for unknown in ["", " ", "-", "open", "openai2", "gpt", "\u{1F511}"] {
            #expect(names.provider(unknown) == nil, "\(unknown)")
        }
    }

    @Test func `the operator's mapping comes first, and leads into the catalogue`() async throws {
        let names = try ProviderNames(catalogue: catalogue, given: ["openai": "groq", "Our LLM": "openai"])
        #expect(names.provider("openai")?.text == "groq")
        #expect(names.provider("our_llm")?.text == "openai")
        let catalogue = catalogue
        #expect(
            await failure { try ProviderNames(catalogue: catalogue, given: ["a": "nope"]) }?.code == .unknownProvider)
    }

    @Test func `what begins like a key, breaks the line or has no end is not shown`() {
        for key in ["sk-proj-abc", "AIzaSyA", "gsk_1", "xai-1", "hf_x", "nvapi-1"] {
            #expect(ImportItem(place: "row 1", user: key, provider: key).user == "(not shown: begins like a key)")
        }
        let odd = ImportItem(
            place: "row 1", user: "a\u{1b}[2Jb\nc\u{202e}d", provider: String(repeating: "x", count: 500))
        #expect(odd.user == "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d")
        #expect(odd.provider == String(repeating: "x", count: 80) + "\u{2026}")
        #expect(
            ImportItem(place: "row 1", user: "caf\u{e9} 17@example.org", provider: "openai").user
                == "caf\u{e9} 17@example.org")
    }

    @Test func `a report is its owner's alone and says what was not imported`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("report.csv")
        try Data("old".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let item = ImportItem(place: "row 1", user: "a \"b\", c", provider: "openai")
        do {
            let report = try ImportReport(path: path)
            for outcome in [
                ImportResult.Outcome.stored, .alreadyThere, .kept, .wouldNotOpen("it is cut off"), .refused("no"),
            ] {
                try report.add(ImportResult(item, outcome))
            }
        }
        let content = try String(contentsOfFile: path, encoding: .utf8)
        #expect(
            content == """
                place,user_id,provider,outcome,reason\r
                "row 1","a ""b"", c","openai","kept","another key is stored under this name"\r
                "row 1","a ""b"", c","openai","would_not_open","it is cut off"\r
                "row 1","a ""b"", c","openai","refused","no"\r

                """)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func `a report that cannot be written stops the import before it begins`() async throws {
        let folder = try TemporaryFolder()
        #expect(await failure { try ImportReport(path: folder.file("absent/report.csv")) }?.code == .configuration)
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("link"), withDestinationPath: folder.file("other"))
        #expect(await failure { try ImportReport(path: folder.file("link")) }?.code == .configuration)
    }
}

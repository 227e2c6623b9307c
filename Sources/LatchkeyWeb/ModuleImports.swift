/// What a module needs before it can run: told to the browser in the page, so that it asks for all of it at once.
enum ModuleImports {
    /// The modules that `name` imports, and what those import, in the order in which they are met. Imports that are
    /// made while a module runs (`import(…)`) are not among them.
    static func closure(of name: String, in sources: [String: [UInt8]]) -> [String] {
        var found: [String] = []
        var next = [name]
        while !next.isEmpty {
            let module = next.removeFirst()
            for imported in imports(of: sources[module] ?? []) where sources[imported] != nil {
                guard imported != name, !found.contains(imported) else { continue }
                found.append(imported)
                next.append(imported)
            }
        }
        return found
    }

    /// What stands behind `from` or `import` in quotes and begins with `./` or `/ui/`.
    private static func imports(of source: [UInt8]) -> [String] {
        var found: [String] = []
        for line in source.split(separator: UInt8(ascii: "\n")) {
            let line = String(decoding: line, as: UTF8.self)
            for opening in ["from \"", "from '", "import \"", "import '"] {
                guard let start = line.firstRange(of: opening)?.upperBound else { continue }
                let address = line[start...].prefix { $0 != "\"" && $0 != "'" }
                for base in ["./", "/ui/"] where address.hasPrefix(base) {
                    found.append(String(address.dropFirst(base.count)))
                }
            }
        }
        return found
    }
}

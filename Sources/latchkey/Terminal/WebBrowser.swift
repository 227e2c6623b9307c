import Foundation

/// The browser of whoever sits at this terminal.
enum WebBrowser {
    /// Shows a link there.
    ///
    /// The link stands among the arguments of the opening program, where other users of this machine can read it for a
    /// moment: there is no other way to hand it over. What it holds is good for a minute and once; whoever is quicker than
    /// the browser makes the browser's attempt fail, which is seen.
    ///
    /// - Returns: false where there is no browser, or it could not be opened.
    static func open(_ link: String) -> Bool {
        guard let program = opener() else { return false }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [link]
        // A browser has no use for a root or a secret.
        let ours = Set(Setting.all.map(\.name))
        process.environment = ProcessInfo.processInfo.environment.filter { !ours.contains($0.key) }
        // What a browser has to say is not for this terminal.
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        // It ends at once where it only tells a browser that runs already; else it is the browser, and is left alone.
        let patience = ContinuousClock.now + .seconds(3)
        while process.isRunning {
            guard ContinuousClock.now < patience else { return true }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return process.terminationStatus == 0
    }

    private static func opener() -> String? {
        #if os(macOS)
        return "/usr/bin/open"
        #else
        let environment = ProcessInfo.processInfo.environment
        guard ["DISPLAY", "WAYLAND_DISPLAY"].contains(where: { environment[$0]?.isEmpty == false }) else { return nil }
        return (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/xdg-open" }
            .first { $0.hasPrefix("/") && FileManager.default.isExecutableFile(atPath: $0) }
        #endif
    }
}

import ArgumentParser
import Hummingbird
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyServer
import LatchkeyWeb
import Logging
import ServiceLifecycle
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the service.",
        discussion: """
            It needs a root (API_KEY_ENCRYPTION_SECRET) and the secret your app signs its tokens with (JWT_SECRET_KEY), and \
            refuses to start without them, before it opens anything. SIGTERM lets requests that are under way end.

              latchkey serve --quickstart .latchkey
              API_KEY_ENCRYPTION_SECRET=file:root JWT_SECRET_KEY=file:jwt latchkey serve --port 8080
            """)

    @Option(help: "The address to listen on.")
    var hostname = "127.0.0.1"

    @Option(help: "The port to listen on; 0 picks a free one.")
    var port = 8080

    @Flag(help: "Print every setting, secrets redacted, and end.")
    var printConfig = false

    @Option(
        help: ArgumentHelp(
            "Keep a root, secrets and the database in this folder, made on first use.", valueName: "folder"))
    var quickstart: String?

    @Option(
        help: ArgumentHelp(
            "Serve the files of the pages from this folder, read anew each time: for working on them.",
            valueName: "folder"))
    var uiFolder: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port is 0 to 65535") }
        guard quickstart == nil || common.config == nil else {
            throw ValidationError(
                "--quickstart keeps its own settings; leave out --config, or set them in the environment")
        }
    }

    func run() async throws {
        try await reporting {
            var quickStart: QuickStart?
            if let quickstart { quickStart = try QuickStart(folder: quickstart) }
            let settings = try await common.settings()
            if printConfig { return Console.print(settings.printed()) }
            ProcessHardening.apply()
            try await Service(settings: settings, quickStart: quickStart, uiFolder: uiFolder).run(
                hostname: hostname, port: port)
        }
    }
}

/// The service, put together and run until it is told to stop.
private struct Service {
    let settings: Settings
    let quickStart: QuickStart?
    let uiFolder: String?

    func run(hostname: String, port: Int) async throws {
        let logger = try LogLines.start(settings)
        let rules = try Identity.rules(settings)
        let keys = try await Identity.keys(settings, algorithm: rules.algorithm)
        let serviceToken = try Identity.serviceToken(settings)
        let configuredSetupToken = try Identity.setupToken(settings)
        let globalFallback = try settings.flag(.globalFallback)
        let trustedProxies = try Identity.trustedProxies(settings)
        let gateway = try GatewayAssembly(settings)
        let web = try webParts()
        let browsers = try Browsers(settings)
        let singleSignOn = try SingleSignOn.rules(settings)
        let usageDays = try settings.usageDays()
        let prices = try Prices.table(settings, try Node.catalogue(settings))
        let node = try await Node.open(settings, remembersRows: true, logger: logger)
        let isSetUp = try await SetupGate.isFinished(node.store)
        let madeToken = isSetUp || configuredSetupToken != nil ? nil : SetupToken.make()
        warnAboutRoot(node.standing, logger)
        if let driver = node.driver as? PostgreSQLDriver, try await !driver.isUnderRowSecurity() {
            logger.warning("row-level security does not hold for this database role: use one that is no superuser")
        }
        if !["127.0.0.1", "::1", "localhost"].contains(hostname) {
            logger.warning("listening beyond this machine in plain HTTP: put a proxy with TLS in front")
        }

        let uses = UseRecorder(store: node.store, logger: logger)
        let recorder = UsageRecorder(store: node.store, pricing: prices, clock: node.clock, logger: logger)
        let accessTokens = AccessTokens(store: node.store, vault: node.vault, logger: logger)
        let authentication = Authentication(
            verifier: TokenVerifier(rules: rules, keys: keys, clock: node.clock), serviceToken: serviceToken,
            accessTokens: accessTokens, browsers: browsers.sessions(node, logger), trustedProxies: trustedProxies)
        let resolver = KeyResolver(
            vault: node.vault, environment: environmentKeys(node, logger), globalFallback: globalFallback, uses: uses)
        var parts = LatchkeyServer.Parts(
            vault: node.vault, resolver: resolver,
            gate: SetupGate(store: node.store, token: configuredSetupToken ?? madeToken, clock: node.clock),
            authentication: authentication, cors: CORSPolicy(origins: settings.list(.corsOrigins)))
        parts.usage = UsageParts(store: node.store, recorder: recorder)
        parts.web = web
        parts.administration = AdminParts(node, startedAt: node.clock.now())
        parts.oidc = singleSignOn.map {
            SingleSignOn.signIn($0, client: node.client, keyring: node.keyring, clock: node.clock)
        }
        parts.gateway = gateway.gateway(parts, ledger: recorder, trustedProxies: trustedProxies, logger: logger)

        var services: [any ServiceLifecycle.Service] = [
            uses, recorder, accessTokens.uses, Revalidation(vault: node.vault, logger: logger),
        ]
        if let usageDays { services.append(Retention(store: node.store, days: usageDays, logger: logger)) }
        if let source = settings[.jwks], JWKSSource.isURL(source) {
            services.append(JWKSRefresh(source: source, algorithm: rules.algorithm, keys: keys, logger: logger))
        }
        let announcement = Announcement(
            hostname: hostname, setupToken: madeToken, quickStart: quickStart, rules: rules, keys: keys,
            keyID: settings[.jwtKeyID])
        let application = LatchkeyServer(parts).application(
            hostname: hostname, port: port, logger: logger, services: services
        ) { port in await announcement.print(port: port) }
        do { try await serve(application, logger, hostname: hostname, port: port) } catch {
            await node.close()
            throw error
        }
        await gateway.close()
        await recorder.flush()
        await uses.flush()
        await accessTokens.uses.flush()
        await node.close()
        logger.info("stopped")
    }

    /// - Throws: `configuration`.
    private func webParts() throws -> WebParts {
        WebParts(
            assets: try uiFolder.map { try WebAssets(folder: $0) } ?? .embedded,
            policy: try WebPolicy(frameAncestors: settings.list(.frameAncestors)))
    }

    private func environmentKeys(_ node: Node, _ logger: Logger) -> EnvironmentKeys {
        let (environment, unusable) = EnvironmentKeys.read(settings.environment, catalogue: node.catalogue)
        for name in unusable {
            logger.warning("an environment variable holds no usable key", metadata: ["name": "\(name)"])
        }
        return environment
    }

    private func serve(
        _ application: some ApplicationProtocol, _ logger: Logger, hostname: String, port: Int
    ) async throws {
        var configuration = ServiceGroupConfiguration(
            services: [application], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        // A probe takes ten seconds at most; what is not done after twice that is not coming.
        configuration.maximumGracefulShutdownDuration = .seconds(25)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as LatchkeyError {
            throw error
        } catch {
            throw LatchkeyError(
                .storeUnavailable,
                "the service could not listen on \(hostname) port \(port), or stopped on an error: \(type(of: error))",
                hint: "another program may have the port; choose one with --port")
        }
    }

    private func warnAboutRoot(_ standing: KeysetCheck.Standing, _ logger: Logger) {
        guard case .readOnly(let primary) = standing else { return }
        logger.warning(
            "the first configured root is not the database's primary: keys can be read, nothing can be written",
            metadata: ["primary": "\(primary)"])
    }
}

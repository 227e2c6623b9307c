package import Hummingbird
import HummingbirdCore
package import LatchkeyCore
package import LatchkeyGateway
package import Logging
import NIOCore
import NIOPosix
package import ServiceLifecycle

/// The HTTP edge, put together: routes, limits, errors.
package struct LatchkeyServer: Sendable {
    package struct Parts: Sendable {
        package var vault: KeyVault
        package var resolver: KeyResolver
        package var gate: SetupGate
        package var authentication: Authentication
        package var cors: CORSPolicy
        package var limits: ServerLimits
        /// nil: there is none.
        package var gateway: Gateway?
        /// nil: nothing is counted, and there are no budgets.
        package var usage: UsageParts?
        package var web = WebParts()
        /// nil: no list of what happened, and nothing for administrators to look at.
        package var administration: AdminParts?
        /// Where users sign in beside the one-time code; nil: nowhere.
        package var oidc: OIDCSignIn?

        package init(
            vault: KeyVault, resolver: KeyResolver, gate: SetupGate, authentication: Authentication,
            cors: CORSPolicy = CORSPolicy(origins: []), limits: ServerLimits = ServerLimits()
        ) {
            self.vault = vault
            self.resolver = resolver
            self.gate = gate
            self.authentication = authentication
            self.cors = cors
            self.limits = limits
        }
    }

    private let parts: Parts
    package let routes: RouteTable

    package init(_ parts: Parts) {
        self.parts = parts
        var table = RouteTable()
        KeyRoutes(vault: parts.vault, resolver: parts.resolver, authentication: parts.authentication).add(to: &table)
        SetupRoutes(
            vault: parts.vault, resolver: parts.resolver, gate: parts.gate, authentication: parts.authentication
        ).add(to: &table)
        ServiceRoutes(resolver: parts.resolver, authentication: parts.authentication).add(to: &table)
        if let tokens = parts.authentication.accessTokens {
            AccessTokenRoutes(tokens: tokens, authentication: parts.authentication).add(to: &table)
        }
        if let browsers = parts.authentication.browsers {
            SessionRoutes(
                browsers: browsers, authentication: parts.authentication, gate: parts.gate,
                provider: parts.oidc.map { SignInProvider(name: $0.rules.name, url: OIDCSignIn.start) }
            ).add(to: &table)
            OIDCRoutes(signIn: parts.oidc, browsers: browsers).add(to: &table)
        }
        parts.usage?.addRoutes(to: &table, vault: parts.vault, authentication: parts.authentication)
        OpenRoutes(store: parts.vault.store, catalogue: parts.vault.catalogue).add(to: &table)
        parts.administration?.addRoutes(
            to: &table, vault: parts.vault, gate: parts.gate, authentication: parts.authentication)
        WebRoutes(assets: parts.web.assets).add(to: &table)
        table.addGateway()
        routes = table
    }

    package var router: Router<LatchkeyRequestContext> {
        let router = Router(context: LatchkeyRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: Finishing(cors: parts.cors, table: routes, web: parts.web.policy))
        routes.register(in: router)
        return router
    }

    /// A service that listens until it is told to stop, and then lets requests that are under way end.
    ///
    /// - Parameter onListening: called with the port once connections are accepted.
    package func application(
        hostname: String, port: Int, logger: Logger, services: [any Service] = [],
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> some ApplicationProtocol {
        let limits = parts.limits
        let gateway = parts.gateway
        var http = HTTP1Channel.Configuration(
            additionalChannelHandlers: Self.handlers(limits, gateway),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                maxHeaderFieldCount: limits.headerFields))
        // The guard ends what is idle: it sees the gateway's requests too.
        http.idleTimeout = nil
        let executors = gateway?.executors ?? EventLoopExecutors(group: MultiThreadedEventLoopGroup.singleton)
        let configuration = http
        return Application(
            router: router,
            server: HTTPServerBuilder { responder in
                PinnedChannel(
                    base: HTTP1Channel(responder: responder, configuration: configuration), executors: executors)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(hostname, port: port), serverName: nil, backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: logger)),
            services: services, onServerRunning: { channel in await onListening(channel.localAddress?.port ?? port) },
            logger: logger)
    }

    private static func handlers(_ limits: ServerLimits, _ gateway: Gateway?) -> [any RemovableChannelHandler] {
        let guardian: any RemovableChannelHandler = RequestGuard(limits: limits)
        return [guardian] + (gateway.map { [GatewayHandler(gateway: $0)] } ?? [])
    }
}

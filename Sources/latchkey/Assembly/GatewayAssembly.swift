import LatchkeyCore
import LatchkeyGateway
import LatchkeyServer
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// The gateway as configured: its settings are judged before anything is opened.
struct GatewayAssembly {
    private let upstream: PooledUpstreamClient
    private let limits: GatewayLimits
    private let group = MultiThreadedEventLoopGroup.singleton

    /// - Throws: `configuration`.
    init(_ settings: Settings) throws {
        upstream = try PooledUpstreamClient(
            group: group, resolver: AddressResolver(resolver: SystemHostResolver()),
            certificates: try Self.certificates(settings))
        var limits = GatewayLimits()
        limits.firstByte = try Self.seconds(settings, .gatewayFirstByteSeconds)
        limits.idle = try Self.seconds(settings, .gatewayIdleSeconds)
        self.limits = limits
    }

    func gateway(
        _ parts: LatchkeyServer.Parts, ledger: any UsageLedger, trustedProxies: [Network], logger: Logger
    ) -> Gateway {
        Gateway(
            resolver: parts.resolver, authentication: parts.authentication, ledger: ledger, upstream: upstream,
            edge: ServerEdge(cors: parts.cors), executors: EventLoopExecutors(group: group), logger: logger,
            limits: limits, trustedProxies: trustedProxies)
    }

    func close() async { await upstream.close() }

    private static func seconds(_ settings: Settings, _ setting: Setting) throws -> TimeAmount {
        let seconds = try settings.positiveNumber(setting)
        guard seconds <= 86_400 else {
            throw LatchkeyError(.configuration, "\(setting.name) is more than a day")
        }
        return .seconds(seconds)
    }

    private static func certificates(_ settings: Settings) throws -> [NIOSSLCertificate] {
        guard let path = settings[.providerCAFile] else { return [] }
        do { return try NIOSSLCertificate.fromPEMFile(path) } catch {
            throw LatchkeyError(
                .configuration,
                "\(Setting.providerCAFile.name) names \(path), which cannot be read as PEM certificates",
                hint: "check the path, who may read it, and that it begins with -----BEGIN CERTIFICATE-----")
        }
    }
}

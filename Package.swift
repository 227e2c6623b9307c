// swift-tools-version: 6.2
import PackageDescription

// One list of settings for every target: a module that opts out would be the one that breaks.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // An async call stays on its caller's executor: ten needless switches fewer in a request.
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

// Third-party products, named once.
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioFoundation: Target.Dependency = .product(name: "NIOFoundationCompat", package: "swift-nio")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1: Target.Dependency = .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")

let package = Package(
    name: "latchkey",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "latchkey", targets: ["latchkey"]),
        .library(name: "Latchkey", targets: ["LatchkeyCore", "LatchkeyCrypto", "LatchkeySQL"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(
            url: "https://github.com/apple/swift-configuration.git", from: "1.4.0",
            traits: ["JSON", "YAML", "CommandLineArguments", "Logging"]),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    ],
    targets: [
        .target(name: "CLatchkeyShims", linkerSettings: [.linkedLibrary("sqlite3")]),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "Fernet", dependencies: [crypto, cryptoExtras]),
        .target(name: "LatchkeyCrypto", dependencies: ["Fernet", crypto]),
        .target(
            name: "LatchkeyCore",
            dependencies: [
                "LatchkeyCrypto", crypto, asyncHTTPClient, lifecycle, logging, yams, nioCore, nioPosix, nioHTTP1,
                nioFoundation,
            ],
            resources: [.embedInCode("Resources/providers.yaml"), .embedInCode("Resources/prices.csv")]),
        .target(
            name: "LatchkeySQL",
            dependencies: [
                "CLatchkeyShims", "CLibPQ", "CZlib", "LatchkeyCore", "LatchkeyCrypto", crypto, grdb, grdbSQLite,
            ]),
        .target(
            name: "LatchkeyImport",
            dependencies: ["LatchkeySQL", "LatchkeyCore", "LatchkeyCrypto", "Fernet", crypto, cryptoExtras]),
        .target(
            name: "LatchkeyGateway",
            dependencies: [
                "LatchkeyCore", "LatchkeyCrypto", logging, httpTypes, nioCore, nioPosix, nioHTTP1, nioHTTPTypes,
                nioTLS, nioSSL, nioHTTP2, nioHPACK,
            ]),
        .target(
            name: "LatchkeyWeb",
            dependencies: ["CZlib", "LatchkeyCore", crypto, httpTypes, nioCore],
            // The same names as in WebFile.swift.
            resources: [
                .embedInCode("Assets/api-key-service.js"),
                .embedInCode("Assets/latchkey-keys.js"),
                .embedInCode("Assets/element-styles.js"),
                .embedInCode("Assets/element-view.js"),
                .embedInCode("Assets/element-dialogs.js"),
                .embedInCode("Assets/element-form.js"),
                .embedInCode("Assets/element-dom.js"),
                .embedInCode("Assets/api-key-types.js"),
                .embedInCode("Assets/messages.js"),
                .embedInCode("Assets/messages-en.js"),
                .embedInCode("Assets/messages-de.js"),
                .embedInCode("Assets/page.html"),
                .embedInCode("Assets/shell.js"),
                .embedInCode("Assets/charts.js"),
                .embedInCode("Assets/page-keys.js"),
                .embedInCode("Assets/page-usage.js"),
                .embedInCode("Assets/page-activity.js"),
                .embedInCode("Assets/page-security.js"),
                .embedInCode("Assets/page-setup.js"),
                .embedInCode("Assets/page-admin.js"),
                .embedInCode("Assets/page-sign-in.js"),
                .embedInCode("Assets/page-embed.js"),
                .embedInCode("Assets/page-theme.js"),
                .embedInCode("Assets/page-words.js"),
                .embedInCode("Assets/page-messages-en.js"),
                .embedInCode("Assets/page-messages-de.js"),
                .embedInCode("Assets/page-parts.js"),
                .embedInCode("Assets/page-usage-views.js"),
                .embedInCode("Assets/page-usage-charts.js"),
                .embedInCode("Assets/page-budgets.js"),
                .embedInCode("Assets/page-access-tokens.js"),
                .embedInCode("Assets/page-global-keys.js"),
                .embedInCode("Assets/page-admin-overview.js"),
                .embedInCode("Assets/page-admin-people.js"),
                .embedInCode("Assets/style.css"),
                .embedInCode("Assets/icon.svg"),
            ]),
        .target(
            name: "LatchkeyServer",
            dependencies: [
                "LatchkeyWeb", "LatchkeyGateway", "LatchkeyCore", "LatchkeyCrypto", "Fernet", crypto, hummingbird,
                hummingbirdCore, jwtKit,
                asyncHTTPClient,
                lifecycle, logging, httpTypes, nioCore, nioPosix, nioHTTP1, nioFoundation, nioHTTPTypes,
                nioHTTPTypesHTTP1,
            ],
            resources: [.embedInCode("Resources/openapi.yaml")]),
        .executableTarget(
            name: "latchkey",
            dependencies: [
                "CLatchkeyShims", "LatchkeyServer", "LatchkeyGateway", "LatchkeyWeb", "LatchkeyImport", "LatchkeySQL",
                "LatchkeyCore", "LatchkeyCrypto", argumentParser,
                configuration,
                hummingbird, lifecycle, unixSignals, logging, asyncHTTPClient, nioCore, nioPosix, nioHTTP1, nioSSL,
                yams,
                systemPackage,
            ]),
        .executableTarget(name: "LatchkeyBench", dependencies: ["LatchkeySQL", argumentParser]),
        .target(name: "LatchkeyTesting", dependencies: ["LatchkeyCore", "LatchkeyCrypto", crypto]),
        .testTarget(name: "FernetTests", dependencies: ["Fernet", crypto, cryptoExtras], exclude: ["Vectors"]),
        .testTarget(
            name: "LatchkeyCryptoTests", dependencies: ["LatchkeyCrypto", "LatchkeyTesting", "Fernet", crypto],
            exclude: ["Vectors"]),
        .testTarget(
            name: "LatchkeyCoreTests",
            dependencies: [
                "LatchkeyCore", "LatchkeyCrypto", "LatchkeySQL", "LatchkeyTesting", asyncHTTPClient, crypto, logging,
                nioCore, nioPosix,
            ]),
        .testTarget(
            name: "LatchkeySQLTests",
            dependencies: [
                "LatchkeySQL", "LatchkeyCore", "LatchkeyCrypto", "LatchkeyTesting", crypto, grdb, grdbSQLite,
            ]),
        .testTarget(
            name: "LatchkeyImportTests",
            dependencies: [
                "LatchkeyImport", "LatchkeySQL", "LatchkeyCore", "LatchkeyCrypto", "LatchkeyTesting", "Fernet", crypto,
                cryptoExtras,
            ],
            exclude: ["Vectors"]),
        .testTarget(
            name: "LatchkeyGatewayTests",
            dependencies: [
                "LatchkeyGateway", "LatchkeyCore", "LatchkeyCrypto", "LatchkeyTesting", httpTypes, nioCore, nioPosix,
                nioEmbedded, nioHTTP1, nioHTTPTypes,
            ]),
        .testTarget(
            name: "LatchkeyWebTests", dependencies: ["LatchkeyWeb", "LatchkeyCore", crypto, httpTypes, nioCore]),
        .testTarget(
            name: "LatchkeyServerTests",
            dependencies: [
                "LatchkeyServer", "LatchkeyGateway", "LatchkeyWeb", "LatchkeyCore", "LatchkeyCrypto", "LatchkeySQL",
                "LatchkeyTesting", crypto, hummingbird,
                hummingbirdTesting, jwtKit, httpTypes, logging, nioCore, nioEmbedded, nioHTTP1,
            ]),
    ]
)

for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings = strict
}

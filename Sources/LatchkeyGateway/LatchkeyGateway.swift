/// The gateway: an app's call to an AI provider, passed on with the user's own key in it.
package enum LatchkeyGateway {
    package static let prefix = "/gateway/"
}

package import LatchkeyCrypto

/// The variables of a `.env` file, read without running or expanding anything.
///
/// ```
/// file    = *( line ( "\n" / "\r\n" ) )
/// line    = blanks [ [ "export" blanks ] name blanks "=" blanks value blanks ] [ comment ]
/// name    = ( letter / "_" ) *( letter / digit / "_" / "." / "-" )
/// value   = "'" … "'" / "`" … "`" / DQUOTE … DQUOTE / text up to the line's end or a blank before "#"
/// ```
/// Quoted values may go over several lines. Between double quotes `\n`, `\r`, `\t`, `\\`, `\"` and `\$` are escapes;
/// between the others nothing is. `$NAME` stays as it is everywhere: what it would stand for is not in the file.
package struct Dotenv {
    package struct Variable: Sendable {
        package let name: String
        package let value: SharedSecret
        /// The line its name stands in, from 1.
        package let line: Int
        /// Whether a program that expands variables would read something else.
        package let refersToAnother: Bool
    }

    /// A line that is none of the above; the next line is read as if it were not there.
    package struct Fault: Sendable, Equatable {
        package let line: Int
        package let reason: String
    }

    /// In the order of the file; a name may be there twice.
    package private(set) var variables: [Variable] = []
    package private(set) var faults: [Fault] = []

    package init(_ text: borrowing Secret) {
        text.withUnsafeBytes { bytes in
            var reader = DotenvReader(bytes)
            while let line = reader.next() {
                switch line {
                case .variable(let variable): variables.append(variable)
                case .fault(let fault): faults.append(fault)
                }
            }
        }
    }
}

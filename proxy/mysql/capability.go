package mysql

// capability is a set of what both ends of a connection can do.
// Source: MySQL Source Code Documentation, "Capabilities Flags"; MariaDB Knowledge Base, "Connection: capabilities".
type capability uint32

// MySQL's capabilities (CLIENT_...).
const (
	capLongPassword     capability = 1 << 0 // MariaDB clears it to say that it has extended capabilities: then it is CLIENT_MYSQL
	capFoundRows        capability = 1 << 1
	capLongFlag         capability = 1 << 2
	capConnectWithDB    capability = 1 << 3
	capNoSchema         capability = 1 << 4
	capCompress         capability = 1 << 5
	capODBC             capability = 1 << 6
	capLocalFiles       capability = 1 << 7
	capIgnoreSpace      capability = 1 << 8
	capProtocol41       capability = 1 << 9
	capInteractive      capability = 1 << 10
	capSSL              capability = 1 << 11
	capIgnoreSigpipe    capability = 1 << 12
	capTransactions     capability = 1 << 13
	capReserved         capability = 1 << 14
	capSecureConnection capability = 1 << 15
	capMultiStatements  capability = 1 << 16
	capMultiResults     capability = 1 << 17
	capPSMultiResults   capability = 1 << 18
	capPluginAuth       capability = 1 << 19
	capConnectAttrs     capability = 1 << 20
	capPluginAuthLenEnc capability = 1 << 21
	capExpiredPasswords capability = 1 << 22
	capSessionTrack     capability = 1 << 23
	capDeprecateEOF     capability = 1 << 24
	capOptionalMetadata capability = 1 << 25 // not MariaDB's
	capZstd             capability = 1 << 26
	capQueryAttributes  capability = 1 << 27
	capMultiFactor      capability = 1 << 28
	capExtension        capability = 1 << 29
	capVerifyServerCert capability = 1 << 30
	capRememberOptions  capability = 1 << 31
)

// MariaDB's extended capabilities (MARIADB_CLIENT_...), which it counts from bit 32.
const (
	mariaProgress       capability = 1 << 0
	mariaComMulti       capability = 1 << 1
	mariaBulk           capability = 1 << 2
	mariaExtendedTypes  capability = 1 << 3
	mariaCacheMetadata  capability = 1 << 4
	mariaBulkUnitResult capability = 1 << 5
)

func (c capability) has(all capability) bool { return c&all == all }

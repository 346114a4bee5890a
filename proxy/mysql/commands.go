package mysql

// The commands of the protocol: the first byte of what a client sends.
// Source: MySQL Source Code Documentation, "Command Phase"; MariaDB Knowledge Base, "Commands".
const (
	comQuit             = 0x01
	comInitDB           = 0x02
	comQuery            = 0x03
	comFieldList        = 0x04
	comRefresh          = 0x07
	comShutdown         = 0x08
	comStatistics       = 0x09
	comProcessInfo      = 0x0a
	comProcessKill      = 0x0c
	comDebug            = 0x0d
	comPing             = 0x0e
	comChangeUser       = 0x11
	comBinlogDump       = 0x12
	comTableDump        = 0x13
	comRegisterSlave    = 0x15
	comStmtPrepare      = 0x16
	comStmtExecute      = 0x17
	comStmtSendLongData = 0x18
	comStmtClose        = 0x19
	comStmtReset        = 0x1a
	comSetOption        = 0x1b
	comStmtFetch        = 0x1c
	comBinlogDumpGTID   = 0x1e
	comResetConnection  = 0x1f
	comClone            = 0x20
	comStmtBulkExecute  = 0xfa // MariaDB's
)

// notServed are the commands that are not passed on and of which there is more to say than that they are unknown here: their
// names, the SQL-like text that the record has for them, and why.
var notServed = map[byte]struct{ name, text, why string }{
	comChangeUser: {"change user", "CHANGE USER",
		"the user of a session cannot be changed: it is who you are to Sallyport; open another connection instead"},
	comBinlogDump:     {"binlog dump", "BINLOG DUMP", noReplication},
	comBinlogDumpGTID: {"binlog dump", "BINLOG DUMP GTID", noReplication},
	comRegisterSlave:  {"register replica", "REGISTER REPLICA", noReplication},
	comTableDump:      {"table dump", "TABLE DUMP", noReplication},
	comClone:          {"clone", "CLONE", "cloning a server does not pass through Sallyport"},
}

const noReplication = "replication does not pass through Sallyport: its stream holds statements of everybody"

// firstPhase is what the store answers a command with.
func firstPhase(command byte) phase {
	switch command {
	case comQuery, comStmtExecute, comStmtBulkExecute, comProcessInfo:
		return atFirst
	case comStmtPrepare:
		return atPrepared
	case comStmtFetch:
		return atRows
	case comFieldList:
		return atFields
	case comStatistics:
		return atText
	}
	return atOK
}

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

// refusedCommand tells why a command is not passed on, for those of which there is more to say than that they are unknown
// here; empty for the others.
func refusedCommand(command byte) string {
	switch command {
	case comChangeUser:
		return "the user of a session cannot be changed: it is who you are to Sallyport; open another connection instead"
	case comBinlogDump, comBinlogDumpGTID, comRegisterSlave, comTableDump:
		return "replication does not pass through Sallyport: its stream holds statements of everybody"
	case comClone:
		return "cloning a server does not pass through Sallyport"
	}
	return ""
}

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

package segment

// columnNamed finds the column of a member of an event's JSON.
func columnNamed(key string) (column, bool) {
	switch key {
	case "seq":
		return colSeq, true
	case "time":
		return colTime, true
	case "id":
		return colID, true
	case "type":
		return colType, true
	case "gateway":
		return colGateway, true
	case "session":
		return colSession, true
	case "user":
		return colUser, true
	case "groups":
		return colGroups, true
	case "role":
		return colRole, true
	case "client_addr":
		return colClientAddr, true
	case "entrance":
		return colEntrance, true
	case "application":
		return colApplication, true
	case "resource":
		return colResource, true
	case "protocol":
		return colProtocol, true
	case "account":
		return colAccount, true
	case "login":
		return colLogin, true
	case "database":
		return colDatabase, true
	case "credential":
		return colCredential, true
	case "statement":
		return colStatement, true
	case "command":
		return colCommand, true
	case "prepared":
		return colPrepared, true
	case "class":
		return colClass, true
	case "tables":
		return colTables, true
	case "columns":
		return colColumns, true
	case "fingerprint":
		return colFingerprint, true
	case "params":
		return colParams, true
	case "redacted":
		return colRedacted, true
	case "verdict":
		return colVerdict, true
	case "policy":
		return colPolicy, true
	case "reason":
		return colReason, true
	case "of":
		return colOf, true
	case "done":
		return colDone, true
	case "rows":
		return colRows, true
	case "bytes_in":
		return colBytesIn, true
	case "bytes_out":
		return colBytesOut, true
	case "duration_us":
		return colDuration, true
	case "first_row_us":
		return colFirstRow, true
	case "tag":
		return colTag, true
	case "error_code":
		return colErrorCode, true
	case "error_message":
		return colErrorMessage, true
	case "recording":
		return colRecording, true
	case "statements":
		return colStatements, true
	case "action":
		return colAction, true
	case "target":
		return colTarget, true
	case "before":
		return colBefore, true
	case "after":
		return colAfter, true
	}
	return 0, false
}

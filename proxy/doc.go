// Package proxy is the data plane: one connection's path from accept to close, the same for every protocol.
// server.go listens, session.go tells the path as a story, gate.go records and permits each statement. What is
// a protocol's own stands in a package of its own below this one and knows neither policy nor journal.
package proxy

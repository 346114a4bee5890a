// Package sqltext tells what kind of statement an SQL text is, fast enough to do it for each.
//
// It is for recording and searching, not for enforcement: it reads words, not grammar. A SELECT that calls a
// function which writes is a read here. Whoever must allow or forbid needs a real parser.
package sqltext

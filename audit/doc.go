// Package audit is the record: the vocabulary of events that every part of Sallyport writes, and the query
// model that every index of those events serves. The journal (audit/journal) is the truth; an index can
// always be rebuilt from it.
package audit

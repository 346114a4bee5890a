// Package index holds what all indexes of the record share: a Follower that brings the journal's records to one, in
// order, at its own pace, and again after a fault. Its folders are the indexes themselves.
package index

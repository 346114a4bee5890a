// Package indextest is the suite that every index of the record passes: on a journal full of what happens and of what
// nobody expects, its answers are those of the brute-force scan.
package indextest

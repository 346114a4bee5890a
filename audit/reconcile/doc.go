// Package reconcile compares the record with what a store's own log says that the store ran: statements that only the
// store knows of went around Sallyport, and statements that only the record knows of never reached the store.
package reconcile

// Package elastic keeps the record searchable in an Elasticsearch or OpenSearch cluster, shared by any number of gateways.
//
// An event is one document, a statement together with its result, under the event's ID in the index of the day that the
// ID tells. Documents are whole and computed here, case folding included, so that the cluster only compares bytes and
// its answers are those of any other index of the record. What the cluster cannot hold exactly, such as a text of many
// megabytes, is named in the document, found as a candidate, and judged here against the journal. See
// docs/adr/0008-elasticsearch.md.
package elastic

package admin

import (
	"github.com/danielgtaylor/huma/v2"
)

// textSchema describes audit.Text, whose JSON has several forms.
type textSchema struct{}

// Schema is the OpenAPI form.
func (textSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "A string when the text is valid UTF-8; else its bytes, or the file beside the journal that holds them with their beginning",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString},
			object(map[string]*huma.Schema{"base64": {Type: huma.TypeString}}, "base64"),
			object(map[string]*huma.Schema{
				"file": {Type: huma.TypeString, Description: "SHA-256 in hex"},
				"size": {Type: huma.TypeInteger, Format: "int64", Description: "Bytes"},
				"head": {Type: huma.TypeString},
			}, "file", "size", "head"),
		},
	}
}

// paramSchema describes audit.Param.
type paramSchema struct{}

// Schema is the OpenAPI form.
func (paramSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "null, the parameter's text, its bytes in hex, or the file beside the journal that holds them",
		OneOf: []*huma.Schema{
			{Type: "null"},
			{Type: huma.TypeString},
			object(map[string]*huma.Schema{"hex": {Type: huma.TypeString}}, "hex"),
			object(map[string]*huma.Schema{
				"file": {Type: huma.TypeString, Description: "SHA-256 in hex"},
				"size": {Type: huma.TypeInteger, Format: "int64", Description: "Bytes"},
			}, "file", "size"),
		},
	}
}

// durationSchema describes access.Duration, whose JSON is Go's text.
type durationSchema struct{}

// Schema is the OpenAPI form.
func (durationSchema) Schema(huma.Registry) *huma.Schema {
	longest := 64
	return &huma.Schema{
		Type: huma.TypeString, Description: "A time such as 8h or 1h30m: numbers with the units h, m and s", Examples: []any{"8h"}, MaxLength: &longest,
	}
}

func object(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: false}
}

// forbidNullLists says of every list that it is one: none is ever null here.
func forbidNullLists(registry huma.Registry) {
	for _, s := range registry.Map() {
		for _, p := range s.Properties {
			if p.Type == huma.TypeArray {
				p.Nullable = false
				p.PrecomputeMessages()
			}
		}
	}
}

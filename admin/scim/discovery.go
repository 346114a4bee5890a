package scim

import (
	"fmt"
	"net/http"
)

// discover adds what tells a client what is spoken here (RFC 7644, section 4).
func (h *handler) discover(mux *http.ServeMux) {
	serve := func(path string, body any) {
		mux.HandleFunc("GET "+h.root+path, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, body) })
	}
	serve("/ServiceProviderConfig", serviceProviderConfig())
	for _, d := range []struct {
		path      string
		documents []map[string]any
	}{{"/ResourceTypes", h.resourceTypes()}, {"/Schemas", schemas()}} {
		all := make([]any, len(d.documents))
		for i, one := range d.documents {
			all[i] = one
			serve(fmt.Sprintf("%s/%s", d.path, one["id"]), one)
		}
		serve(d.path, map[string]any{"schemas": []string{listSchema}, "totalResults": len(all), "startIndex": 1,
			"itemsPerPage": len(all), "Resources": all})
	}
}

func serviceProviderConfig() map[string]any {
	supported := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   supported(true), "etag": supported(true), "sort": supported(false), "changePassword": supported(false),
		"bulk":   map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": map[string]any{"supported": true, "maxResults": maxPage},
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Access token", "primary": true,
			"description": "An access token of a service account whose role may provision, as bearer token",
		}},
	}
}

func (h *handler) resourceTypes() []map[string]any {
	of := func(kind Kind, extensions ...any) map[string]any {
		t := map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": string(kind), "name": string(kind),
			"endpoint": kind.endpoint(), "schema": kind.schema(),
			"meta": map[string]any{"resourceType": "ResourceType", "location": h.root + "/ResourceTypes/" + string(kind)},
		}
		if extensions != nil {
			t["schemaExtensions"] = extensions
		}
		return t
	}
	return []map[string]any{of(User, map[string]any{"schema": enterpriseSchema, "required": false}), of(Group)}
}

func schemas() []map[string]any {
	text := func(name string, more ...any) map[string]any { return attribute(name, "string", more...) }
	reference := func(name string) map[string]any { return attribute(name, "reference", "mutability", "immutable") }
	many := func(name string, sub ...any) map[string]any {
		return attribute(name, "complex", "multiValued", true, "subAttributes", sub)
	}
	return []map[string]any{
		schema(userSchema, "User",
			text("userName", "required", true, "uniqueness", "server"), text("displayName"), text("nickName"), text("title"),
			attribute("name", "complex", "subAttributes", []any{text("formatted"), text("familyName"), text("givenName")}),
			attribute("active", "boolean"), text("externalId", "caseExact", true),
			many("emails", text("value"), text("type"), attribute("primary", "boolean")),
			attribute("groups", "complex", "multiValued", true, "mutability", "readOnly", "subAttributes", []any{text("value"), text("display")})),
		schema(groupSchema, "Group",
			text("displayName", "required", true, "uniqueness", "server"), text("externalId", "caseExact", true),
			many("members", text("value", "mutability", "immutable"), reference("$ref"), text("display"))),
		schema(enterpriseSchema, "EnterpriseUser", text("employeeNumber"), text("costCenter"), text("organization"), text("division"),
			text("department")),
	}
}

func schema(id, name string, attributes ...any) map[string]any {
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": id, "name": name,
		"attributes": attributes, "meta": map[string]any{"resourceType": "Schema"}}
}

// attribute describes one; more are names and values that differ from the usual.
func attribute(name, kind string, more ...any) map[string]any {
	a := map[string]any{"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false,
		"mutability": "readWrite", "returned": "default", "uniqueness": "none"}
	for i := 0; i+1 < len(more); i += 2 {
		a[more[i].(string)] = more[i+1]
	}
	return a
}

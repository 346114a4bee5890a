module github.com/sallyport/sallyport/test/sqlgrammar

go 1.26.0

require (
	github.com/sallyport/sallyport v0.0.0
	github.com/wasilibs/go-pgquery v0.0.0-20250409022910-10ac41983c07
)

require (
	github.com/pganalyze/pg_query_go/v6 v6.1.0 // indirect
	github.com/tetratelabs/wazero v1.9.0 // indirect
	github.com/wasilibs/wazero-helpers v0.0.0-20240620070341-3dff1577cd52 // indirect
	golang.org/x/sys v0.38.0 // indirect
)

replace github.com/sallyport/sallyport => ../..

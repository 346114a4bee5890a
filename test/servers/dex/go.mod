module github.com/sallyport/sallyport/test/servers/dex

go 1.26

require github.com/dexidp/dex v0.0.0-20210917061239-f0186ff2651e

# syntax=docker/dockerfile:1
# Sallyport in a small image: one static program, no shell, an ordinary user.

FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM golang:1.26-bookworm AS program
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist/ web/dist/
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/sally ./cmd/sally
# The data directory must belong to the user that the program runs as, and be closed to others. So must that of the key
# which opens what is sealed in it: a volume of its own, so that a copy of the data alone opens nothing.
RUN install -d -m 0700 /out/data /out/keys

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=program /out/sally /usr/local/bin/sally
COPY --from=program --chown=nonroot:nonroot /out/data /var/lib/sallyport
COPY --from=program --chown=nonroot:nonroot /out/keys /var/lib/sallyport-keys
USER nonroot
ENV SALLY_DATA_DIR=/var/lib/sallyport XDG_CONFIG_HOME=/var/lib/sallyport-keys
VOLUME /var/lib/sallyport /var/lib/sallyport-keys
# web, tunnel, PostgreSQL, MySQL, Redis, SSH
EXPOSE 7480 7443 7432 7306 7379 2222
ENTRYPOINT ["/usr/local/bin/sally"]
CMD ["server", "--data-dir", "/var/lib/sallyport", "--listen-web", "0.0.0.0:7480", "--listen-tunnel", "0.0.0.0:7443", "--listen-postgres", "0.0.0.0:7432", "--listen-mysql", "0.0.0.0:7306", "--listen-redis", "0.0.0.0:7379", "--listen-ssh", "0.0.0.0:2222"]

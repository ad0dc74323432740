# The image of netpol: one binary on a base without a shell. docs/image.md says how to build it and
# how to move it to newer bases; scripts/image builds it without an engine and tries it.

# Digests of indexes, so that one line serves both architectures. Both are Debian 13: the binary is
# linked against the glibc that it finds in the base.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-slim-trixie@sha256:ee4fa026a11f9e8b1b00568364a880dc720409bb94b0e6800f63f974f9c909d5
ARG BASE_IMAGE=gcr.io/distroless/cc-debian13:nonroot@sha256:e792ab3d241a468a4fd7519ddbbebe66b49b5f365771716ea688ad40b6c6f1c2

# The compiler runs as what builds, whatever it builds for: nothing is emulated.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
ARG BUILDARCH
ARG TARGETARCH
# A linker for each, by the names that Debian's compilers have at home and as cross compilers.
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
WORKDIR /src
RUN case "${TARGETARCH:=$BUILDARCH}" in \
      amd64) target=x86_64-unknown-linux-gnu compiler=gcc-x86-64-linux-gnu ;; \
      arm64) target=aarch64-unknown-linux-gnu compiler=gcc-aarch64-linux-gnu ;; \
      *) echo "netpol is built for amd64 and arm64, not for '$TARGETARCH'" >&2; exit 1 ;; \
    esac \
 && if [ "$TARGETARCH" != "$BUILDARCH" ]; then \
      apt-get update \
   && apt-get install --yes --no-install-recommends "$compiler" "libc6-dev-$TARGETARCH-cross" \
   && rm -rf /var/lib/apt/lists/* \
   && rustup target add "$target"; \
    fi \
 && echo "$target" > /target
# Writes the names and versions of all crates into the binary.
RUN --mount=type=cache,id=netpol-registry,target=/usr/local/cargo/registry \
    cargo install --locked --root /usr/local cargo-auditable@0.7.7

# The dependencies, in a layer that only manifests and lock file make stale: built for an empty
# package, beside members of the workspace that are empty too.
COPY Cargo.toml Cargo.lock ./
COPY benches/Cargo.toml benches/
COPY fuzz/Cargo.toml fuzz/
COPY crates crates
RUN --mount=type=cache,id=netpol-registry,target=/usr/local/cargo/registry \
    mkdir -p src benches/src \
 && echo '//! Empty.' | tee src/lib.rs > benches/src/lib.rs \
 && printf '//! Empty.\nfn main() {}\n' > src/main.rs \
 && cargo auditable build --locked --release --bin netpol --target "$(cat /target)"

COPY src src
# What was empty is older than what is built of it, however old these files are.
RUN --mount=type=cache,id=netpol-registry,target=/usr/local/cargo/registry \
    touch src/lib.rs src/main.rs \
 && cargo auditable build --locked --release --bin netpol --target "$(cat /target)" \
 && install -D "target/$(cat /target)/release/netpol" /image/usr/local/bin/netpol
COPY LICENSE /image/usr/share/doc/netpol/

FROM ${BASE_IMAGE}
COPY --from=build /image/ /
ARG BASE_IMAGE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="netpol" \
      org.opencontainers.image.description="Admission webhook that guards the network isolation of an abcdesktop.io namespace" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
# By number: a kubelet that is told runAsNonRoot cannot look a name up.
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["/usr/local/bin/netpol"]
CMD ["serve"]

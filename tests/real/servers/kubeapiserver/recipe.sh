# kube-apiserver and its etcd, built from their Go modules. The go.mod and go.sum of each pin it and everything below.
# The build takes about five minutes on two cores; the cache makes that once. The test starts them itself, for they must
# know where Gatecrier listens: nothing to start here.

kubeapiserver_needs="go openssl"

kubeapiserver_install() {
    local flags=(-mod=readonly -trimpath -ldflags "-s -w")
    (cd "$recipe" && GOTOOLCHAIN=auto go build "${flags[@]}" -o "$1/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver)
    (cd "$recipe/etcd" && GOTOOLCHAIN=auto go build "${flags[@]}" -o "$1/etcd" go.etcd.io/etcd/server/v3)
}

kubeapiserver_prepare() { export GATECRIER_TEST_KUBE_APISERVER=$1; }

import java.util.concurrent.CountDownLatch;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node: OneNode DATA HTTP_PORT TRANSPORT_PORT. Closes cleanly on SIGTERM. */
public class OneNode {
    public static void main(String[] args) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((node, settings) -> {
            settings.put("http.host", "127.0.0.1");
            settings.put("http.port", args[1]);
            settings.put("transport.host", "127.0.0.1");
            settings.put("transport.port", args[2]);
            settings.put("discovery.type", "single-node");
            // A machine whose disk is nearly full would otherwise get no shard.
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
        runner.build(OpenSearchRunner.newConfigs().basePath(args[0]).clusterName("gatecrier-test").numOfNode(1));
        new CountDownLatch(1).await();
    }

    private static void close(OpenSearchRunner runner) {
        try {
            runner.close();
        } catch (Exception e) {
            e.printStackTrace();
        }
    }
}
